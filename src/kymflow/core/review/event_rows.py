"""An image's events as reviewers see them: loaded with the columns of review, and saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import polars as pl

from kymflow.core.artifacts.events import EVENTS_ARTIFACT
from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.kym_dataset.indexers.velocity_events import VelocityEventIndexer
from kymflow_zarr.errors import ArtifactNotFoundError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord

ADDED = "User Added"
FLAGS = {"rejected": pl.Boolean(), "edited": pl.Boolean()}


def load_events(rec: ZarrImageRecord) -> pl.DataFrame:
    """Load an image's events, in the event schema; empty where nothing was detected or added.

    Raises:
        ImageNotFoundError: If there is no such image.
        ArtifactUnreadableError: If they can't be read.
    """
    rec.check_exists()
    try:
        rows = VelocityEventIndexer().read_rows(rec).drop("image_id")
    except ArtifactNotFoundError:
        rows = pl.DataFrame(schema=EVENT_SCHEMA)
    return reviewable(rows)


def reviewable(events: pl.DataFrame) -> pl.DataFrame:
    """Add what a decision needs: the columns of review, and an id for each event.

    Older files give no ROI or channel where there is one only, and no ids. Events without an id, or
    with one that another of their ROI and channel has, are numbered in the order of the file.
    """
    first = {name: pl.col(name).fill_null(1) for name in ("roi_id", "channel")}
    flags = {
        name: pl.col(name).cast(dtype).fill_null(value=False)
        if name in events.columns
        else pl.lit(value=False, dtype=dtype)
        for name, dtype in FLAGS.items()
    }
    known = events.with_columns(**first, **flags)
    names = ("roi_id", "channel", "event_id")
    if not known["event_id"].has_nulls() and known.select(names).is_unique().all():
        return known
    taken = set(known["event_id"])
    numbers = (text for text in map(str, count()) if text not in taken)
    seen: set[tuple[object, ...]] = set()
    ids: list[str] = []
    for row in known.select(names).iter_rows():
        own = row[-1]
        ids.append(next(numbers) if own is None or row in seen else own)
        seen.add(row)
    return known.with_columns(pl.Series("event_id", ids, pl.String))


def save_events(rec: ZarrImageRecord, rows: Sequence[dict[str, Any]]) -> None:
    """Save an image's events, sorted by ROI, channel and start; further columns are kept."""
    frame = frame_of(rows)
    ordered = frame.sort("roi_id", "channel", "t_start_s", nulls_last=True, maintain_order=True)
    rec.save_df_parquet(EVENTS_ARTIFACT, ordered)


def frame_of(
    rows: Sequence[dict[str, Any]],
    known: Mapping[str, pl.DataType] = MappingProxyType({}),
) -> pl.DataFrame:
    """Make a frame in the event schema; further columns have the dtypes known, or are inferred."""
    further = {
        name: known.get(name)
        for row in rows
        for name in row
        if name not in EVENT_SCHEMA and name not in FLAGS
    }
    schema = {**EVENT_SCHEMA, **FLAGS, **further}
    return pl.DataFrame(list(rows), schema=schema, strict=False, infer_schema_length=None)
