"""Draw the pictures of docs/events.md again: ``python docs/events/draw.py``.

They show the image demo-03 of ``kymflow demo``, with what a person might add to its events.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from kymflow.cli.demo import IMAGES, NO_FURTHER
from kymflow.core.artifacts.events import EVENTS_ARTIFACT
from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.plots import draw_image, save
from kymflow.core.synthetic import add_synthetic_image
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import ZarrDataset, ZarrImageRecord

IMAGE = 3
PARTS = {"shifts": (0.9, 2.1), "nan_gap": (2.6, 3.9), "zero_gap": (4.6, 6.0), "people": (0.9, 2.1)}
WIDTH = 420


def draw(folder: Path) -> None:
    """Draw every picture into a folder."""
    with TemporaryDirectory() as place:
        dataset = ZarrDataset(Path(place) / "demo.zarr", mode="w")
        record = add_synthetic_image(dataset, IMAGE, IMAGES[IMAGE])
        detect_dataset(dataset, changes=NO_FURTHER)
        for name, (start, end) in PARTS.items():
            if name == "people":
                _review(record)
            save(draw_image(record, start=start, end=end, width=WIDTH), folder / f"{name}.png")


def _review(record: ZarrImageRecord) -> None:
    """Mark the first drop as a true stall and add an event."""
    events = record.load_df_parquet(EVENTS_ARTIFACT)
    first = pl.int_range(pl.len()) == 0
    reviewed = events.with_columns(
        user_type=pl.when(first).then(pl.lit("true_stall")).otherwise("user_type")
    )
    added = {
        "roi_id": 1,
        "channel": 1,
        "event_id": "mine",
        "event_type": "User Added",
        "t_start_s": 1.8,
        "t_end_s": 1.95,
        "user_type": "other",
    }
    mine = pl.DataFrame([added], EVENT_SCHEMA)
    record.save_df_parquet(EVENTS_ARTIFACT, pl.concat([reviewed, mine]))


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent)
