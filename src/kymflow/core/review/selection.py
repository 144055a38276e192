"""Find the events that a person means: by image and id, or by a SQL condition.

Events are read from the artifacts, not from the tables: a decision shows at once, and a table that
was not updated since can't lead to the wrong event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.errors import ReviewError
from kymflow.core.queries.views import kym_views
from kymflow.core.review.decision import EventKey
from kymflow.core.review.event_rows import FLAGS, load_events
from kymflow.core.review.state import key_of
from kymflow.core.workers.progress import Failure
from kymflow_zarr.errors import ArtifactError
from kymflow_zarr.sql.session import Session

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

VIEW = "kym_velocity_events"


@dataclass(frozen=True, slots=True)
class Events:
    """Events of some images.

    Attributes:
        frame: Frame (image_id, the event schema, rejected, edited), a row per event.
        failures: The images whose events can't be read.
    """

    frame: pl.DataFrame
    failures: tuple[Failure, ...] = ()

    @property
    def keys(self) -> list[EventKey]:
        """The events' names."""
        return [key_of(row["image_id"], row) for row in self.frame.to_dicts()]


def find_events(
    dataset: ZarrDataset, *, image_ids: Iterable[str] | None = None, where: str | None = None
) -> Events:
    """Load the events of images, as they are now.

    Args:
        dataset: The dataset.
        image_ids: Of these images; of all if None.
        where: Only events that this SQL condition picks. It is over the columns of the events;
            the dataset's tables can be asked in subqueries.

    Returns:
        The events, by image, ROI, channel and start.

    Raises:
        ImageNotFoundError: If an image asked for is not there.
        QueryError: If the condition can't be answered.
    """
    frames: list[pl.DataFrame] = []
    failures: list[Failure] = []
    for image_id in sorted(dataset.list_image_ids() if image_ids is None else set(image_ids)):
        try:
            events = load_events(dataset.record(image_id))
        except ArtifactError as error:
            failures.append(Failure.of(image_id, error))
            continue
        frames.append(events.select(pl.lit(image_id).alias("image_id"), pl.all()))
    empty = pl.DataFrame(schema={"image_id": pl.String(), **EVENT_SCHEMA, **FLAGS})
    frame = pl.concat([empty, *frames], how="diagonal_relaxed")
    chosen = frame if where is None else picked(dataset, frame, where)
    order = ("image_id", "roi_id", "channel", "t_start_s", "event_id")
    return Events(chosen.sort(*order, nulls_last=True), tuple(failures))


def picked(dataset: ZarrDataset, events: pl.DataFrame, where: str) -> pl.DataFrame:
    """Pick the events that a SQL condition is true of, see :func:`find_events`."""
    views = kym_views(dataset)
    others = {name: view for name, view in views.by_name.items() if name != VIEW}
    numbered = events.with_row_index("row_of_events")
    text = f"SELECT row_of_events FROM {VIEW} WHERE ({where}\n)"
    with Session(replace(views, by_name=others)) as session, session.errors_explained(text):
        query = session.prepare(text, None)
        session.con.register(VIEW, numbered.to_arrow())
        rows = [number for (number,) in session.con.execute(query.text).fetchall()]
    return events[sorted(rows)]


def pick(events: Events, names: Sequence[str]) -> Events:
    """Pick events of one image by their ids, ``ID``, ``ROI:ID`` or ``ROI:CHANNEL:ID``.

    Raises:
        ReviewError: If an id names no event, or several.
    """
    rows = events.frame.to_dicts()
    places: list[int] = []
    for name in names:
        found = [place for place, row in enumerate(rows) if name in _names(row)]
        if not found:
            ids = ", ".join(str(row["event_id"]) for row in rows) or "none"
            raise ReviewError(f"there is no event {name!r}; events here: {ids}")
        if len(found) > 1:
            full = ", ".join(_names(rows[place])[-1] for place in found)
            raise ReviewError(f"{name!r} names {len(found)} events: {full}")
        places += found
    return replace(events, frame=events.frame[list(dict.fromkeys(places))])


def _names(row: dict[str, Any]) -> tuple[str, str, str]:
    roi_id, channel, event_id = row["roi_id"], row["channel"], row["event_id"]
    return f"{event_id}", f"{roi_id}:{event_id}", f"{roi_id}:{channel}:{event_id}"
