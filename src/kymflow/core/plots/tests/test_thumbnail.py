from __future__ import annotations

import io

import numpy as np
import polars as pl
from PIL import Image

from kymflow.core.plots.style import EVENT_COLOURS
from kymflow.core.plots.thumbnail import KYMOGRAPH, TRACE, WIDTH, draw_thumbnail
from kymflow_zarr import ZarrDataset, ZarrImageRecord
from tests.support.images import save_events


def picture(record: ZarrImageRecord) -> np.ndarray:
    image = Image.open(io.BytesIO(draw_thumbnail(record)))
    assert image.size == (WIDTH, KYMOGRAPH + TRACE)
    return np.asarray(image.convert("RGBA"))


def test_time_goes_to_the_right_and_events_are_coloured(dataset: ZarrDataset) -> None:
    lines = np.repeat(np.linspace(0, 1_000, 480)[:, None], 20, axis=1).astype(np.uint16)
    with dataset.stage_image("a") as staged:
        staged.save_array(lines, axes=("t", "x"))
        time = np.linspace(0, 24, 480)
        trace = {"roi_id": 1, "channel": 1, "time": time, "velocity": np.where(time < 12, 2.0, 1.0)}
        staged.save_df_parquet("velocity/trace", pl.DataFrame(trace))
        event = {"event_id": "0", "event_type": "nan_gap", "t_start_s": 12.0, "t_end_s": 14.0}
        staged.save_df_parquet(
            "velocity_events/events", pl.DataFrame({"roi_id": [1], "channel": [1], **event})
        )
    drawn = picture(dataset.record("a"))
    grey = drawn[KYMOGRAPH // 2, :, 0].astype(int)
    assert (np.diff(grey) >= 0).all()
    assert (grey[0], grey[-1]) == (0, 255)
    colour = [*bytes.fromhex(EVENT_COLOURS["nan_gap"][1:])]
    tinted = (drawn[-1, :, :3] == colour).all(axis=1) & (drawn[-1, :, 3] > 0)
    assert 110 <= np.flatnonzero(tinted)[0] <= 125
    assert 135 <= np.flatnonzero(tinted)[-1] <= 145
    line = drawn[KYMOGRAPH:, :, 3] == 255
    assert line[:, 60].argmax() < line[:, 180].argmax()


def test_what_is_not_there_is_left_blank(dataset: ZarrDataset) -> None:
    with dataset.stage_image("bare") as staged:
        staged.save_metadata_payload({})
    assert not picture(dataset.record("bare")).any()
    with dataset.stage_image("odd") as staged:
        staged.save_array(np.full((4, 3), np.nan), axes=("t", "x"))
        save_events(staged, 2)
    assert not picture(dataset.record("odd"))[:KYMOGRAPH].any()
