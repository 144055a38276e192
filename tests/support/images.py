"""Images as most tests need them: params and so many events."""

from __future__ import annotations

import numpy as np
import polars as pl

from kymflow_zarr import ZarrDataset, ZarrImageRecord


def add_image(
    dataset: ZarrDataset, image_id: str, n_events: int = 1, **params: object
) -> ZarrImageRecord:
    """Add an image with pixels, params and as many events as asked."""
    record = dataset.add_image(np.zeros((8, 4), np.uint16), axes="tx", image_id=image_id)
    record.save_json("velocity_events/params", params or {"mad_k": 3.0})
    save_events(record, n_events)
    return record


def save_events(record: ZarrImageRecord, n_events: int) -> None:
    """Write an image's events artifact."""
    frame = pl.DataFrame(
        {
            "roi_id": [1] * n_events,
            "event_id": [str(n) for n in range(n_events)],
            "t_start_s": [0.5 * n for n in range(n_events)],
        },
        schema={"roi_id": pl.Int32, "event_id": pl.String, "t_start_s": pl.Float64},
    )
    record.save_df_parquet("velocity_events/events", frame)
