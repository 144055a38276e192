"""Queues: events drawn at random, in a shuffled order, to be judged blind.

A queue is kept as ``review/queues/<name>.json``. Whoever judges by it is shown an alias in place of
each image, see :class:`kymflow.core.review.blind.BlindReviews`.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from kymflow.core.errors import ReviewError
from kymflow.core.queries.views import kym_views
from kymflow.core.review.decision import EventKey
from kymflow.core.review.labels import UNREVIEWED
from kymflow.core.review.selection import Events, find_events
from kymflow_zarr.errors import TableNotFoundError
from kymflow_zarr.sql.answers import answer
from kymflow_zarr.store import layout
from kymflow_zarr.store.codecs import decode_object, encode_json
from kymflow_zarr.store.containment import resolve_within
from kymflow_zarr.store.files import write_atomic
from kymflow_zarr.store.names import check_table_name
from kymflow_zarr.store.reads import read_file, reading

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.store import Store

COUNTED = (
    "NOT rejected AND NOT (coalesce(candidate, false) AND "
    f"coalesce(nullif(trim(user_type), ''), '{UNREVIEWED}') = '{UNREVIEWED}')"
)
"""Picks the events that count, as those of ``kym_events``."""


@dataclass(frozen=True, slots=True)
class Item:
    """An event of a queue.

    Attributes:
        alias: What its image is called while it is judged.
        key: The event.
        group: The group that it was drawn from; None if none were made.
    """

    alias: str
    key: EventKey
    group: str | None


@dataclass(frozen=True, slots=True)
class Queue:
    """A sample of events, in the order in which they are judged.

    Attributes:
        name: Names the queue.
        items: The events.
        size: How many were asked for, of each group if there are groups.
        per: The column that made the groups; None for one draw over all events.
        seed: Of the draw.
        where: The SQL condition on the events drawn from.
        drawn_by: The reviewer who drew it.
        drawn_at: When, UTC.
    """

    name: str
    items: tuple[Item, ...]
    size: int
    per: str | None
    seed: int
    where: str
    drawn_by: str
    drawn_at: datetime

    @property
    def images(self) -> dict[str, str]:
        """The image behind each alias."""
        return {item.alias: item.key.image_id for item in self.items}

    def frame(self) -> pl.DataFrame:
        """List the events: place, alias, image_id, roi_id, channel, event_id, group."""
        schema = {
            "place": pl.Int64(), "alias": pl.String(), "image_id": pl.String(),
            "roi_id": pl.Int32(), "channel": pl.Int32(), "event_id": pl.String(),
            "group": pl.String(),
        }  # fmt: skip
        rows = [
            (place, item.alias, *item.key, item.group)
            for place, item in enumerate(self.items, start=1)
        ]
        return pl.DataFrame(rows, schema, orient="row")


def draw(
    dataset: ZarrDataset,
    name: str,
    *,
    size: int,
    reviewer: str,
    per: str | None = None,
    seed: int = 0,
    where: str = COUNTED,
) -> Queue:
    """Draw events at random.

    The same events, seed and arguments give the same queue.

    Args:
        dataset: The dataset; reading it is enough.
        name: What the queue is to be called.
        size: How many events; of each group if there are groups. A group that has fewer gives all.
        reviewer: Who draws.
        per: A column of ``kym_images`` or of the events that makes groups.
        seed: Of the draw.
        where: Only from events that this SQL condition picks; by default from those that count.

    Raises:
        InvalidNameError: If the name is not one that a queue may have.
        ReviewError: If there is no such column or no event to draw, or if events can't be read.
        QueryError: If the condition can't be answered.
        TableNotFoundError: If there is no ``kym_images`` to group by.
    """
    check_table_name(name)
    if size < 1:
        raise ReviewError(f"a sample has 1 event or more, not {size}")
    found = find_events(dataset, where=where)
    if found.failures:
        first = found.failures[0]
        raise ReviewError(
            f"the events of {len(found.failures)} images can't be read, and a sample of the others "
            f"would not be one of all; first {first.image_id}: {first.message}"
        )
    if found.frame.is_empty():
        raise ReviewError(f"there is no event to draw from, where {where}")
    by_group: dict[str | None, list[EventKey]] = defaultdict(list)
    for key, group in zip(found.keys, _groups(dataset, found, per), strict=True):
        by_group[group].append(key)
    rng = random.Random(seed)  # noqa: S311 (a sample, not a secret)
    drawn = [
        (key, group)
        for group in sorted(by_group, key=lambda text: (text is None, text))
        for key in rng.sample(by_group[group], min(size, len(by_group[group])))
    ]
    rng.shuffle(drawn)
    numbers = {key.image_id: 0 for key, _ in drawn}
    digits = len(str(len(numbers)))
    aliases = {
        image_id: f"{name}-{number:0{digits}}" for number, image_id in enumerate(numbers, start=1)
    }
    items = tuple(Item(aliases[key.image_id], key, group) for key, group in drawn)
    return Queue(name, items, size, per, seed, where, reviewer, datetime.now(UTC))


def save_queue(dataset: Store, queue: Queue) -> Path:
    """Keep a queue in the dataset.

    Raises:
        ReadOnlyError: If the dataset is open for reading only.
        ReviewError: If there is a queue of that name: verdicts may have been given by it.
    """
    path = _path(dataset, queue.name)
    dataset.check_writable("save a queue", path.parent)
    if path.exists():
        raise ReviewError(f"there is a queue {queue.name!r} already; choose another name")
    told = {
        "name": queue.name,
        "size": queue.size,
        "per": queue.per,
        "seed": queue.seed,
        "where": queue.where,
        "drawn_by": queue.drawn_by,
        "drawn_at": queue.drawn_at.isoformat(),
        "items": [
            {"alias": item.alias, **item.key._asdict(), "group": item.group} for item in queue.items
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, encode_json(told))
    return path


def load_queue(dataset: Store, name: str) -> Queue:
    """Load a queue.

    Raises:
        ReviewError: If there is none of that name, or it can't be used.
        OutsideError: If it lies behind a link out of the dataset.
    """
    path = _path(dataset, check_table_name(name))
    resolve_within(dataset.path, path)
    try:
        with reading(path):
            told = decode_object(read_file(path))
        return _queue_of(told)
    except FileNotFoundError:
        known = ", ".join(queue_names(dataset)) or "none yet"
        raise ReviewError(f"there is no queue {name!r}; queues here: {known}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReviewError(
            f"the queue {name!r} can't be used ({error}); put {path} back from a backup"
        ) from error


def queue_names(dataset: Store) -> list[str]:
    """List the names of the queues, sorted."""
    folder = resolve_within(dataset.path, layout.queues(dataset.path))
    return sorted(path.stem for path in folder.glob("*.json"))


def _queue_of(told: dict[str, Any]) -> Queue:
    items = tuple(
        Item(
            str(each["alias"]),
            EventKey(str(each["image_id"]), each["roi_id"], each["channel"], str(each["event_id"])),
            each["group"],
        )
        for each in told["items"]
    )
    return Queue(
        str(told["name"]),
        items,
        int(told["size"]),
        told["per"],
        int(told["seed"]),
        str(told["where"]),
        str(told["drawn_by"]),
        datetime.fromisoformat(told["drawn_at"]),
    )


def _groups(dataset: ZarrDataset, found: Events, per: str | None) -> Sequence[str | None]:
    """Tell the group of each event, as text."""
    if per is None:
        return [None] * found.frame.height
    if per in found.frame.columns and per != "image_id":
        return found.frame[per].cast(pl.String).to_list()
    views = kym_views(dataset)
    if "kym_images" not in views.by_name:
        raise TableNotFoundError(
            "groups of images are made by the table kym_images, which is not there; build it with "
            "`kymflow index`",
            dataset=str(dataset.path),
        )
    images = answer(views, "FROM kym_images", None, None)
    if per not in images.columns:
        raise ReviewError(
            f"neither events nor kym_images have a column {per!r}; kym_images has "
            f"{', '.join(images.columns)}"
        )
    group_of = dict(images.select("image_id", pl.col(per).cast(pl.String)).iter_rows())
    unknown = [i for i in found.frame["image_id"].unique().sort() if i not in group_of]
    if unknown:
        raise ReviewError(
            f"{len(unknown)} images are not in kym_images, first {unknown[0]}; run `kymflow index`"
        )
    return [group_of[image_id] for image_id in found.frame["image_id"]]


def _path(dataset: Store, name: str) -> Path:
    return layout.queues(dataset.path) / f"{name}.json"
