"""Pictures of images: what is drawn where, in which units, and shrunk how."""

from __future__ import annotations

import base64
import io
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from kymflow.core.artifacts.events import EVENTS_ARTIFACT, TRACE_ARTIFACT
from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.plots import draw_image, save
from kymflow.core.plots.pixels import column_means, picture_url
from kymflow.core.plots.style import EVENT_COLOURS
from kymflow.core.plots.trace import HEIGHT
from kymflow.core.synthetic import Stretch, add_synthetic_image
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import (
    ArtifactUnreadableError,
    ImageNotFoundError,
    UsageError,
    ZarrDataset,
    ZarrImageRecord,
)

ALL_KINDS = [Stretch(1.2, 1.7), Stretch(3.0, 3.5, "dark"), Stretch(5.0, 5.6, "still")]


@pytest.fixture
def record(dataset: ZarrDataset) -> ZarrImageRecord:
    made = add_synthetic_image(dataset, 3, ALL_KINDS)
    detect_dataset(dataset, changes={"top_k_total": 0})
    return made


def spec(record: ZarrImageRecord, **options: Any) -> dict[str, Any]:
    drawn: dict[str, Any] = draw_image(record, **options).to_dict()
    return drawn


def layers(drawn: dict[str, Any], panel: int, mark: str) -> list[dict[str, Any]]:
    return [each for each in drawn["vconcat"][panel]["layer"] if each["mark"]["type"] == mark]


def rows(drawn: dict[str, Any], layer: dict[str, Any]) -> list[dict[str, Any]]:
    data = layer["data"]
    return drawn["datasets"][data["name"]] if "name" in data else data["values"]


def picture(url: str) -> np.ndarray:
    data = base64.b64decode(url.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(data)))


@given(arrays(np.uint16, st.tuples(st.integers(1, 60), st.integers(1, 3))), st.integers(1, 70))
def test_columns_are_means_of_lines_each_counted_once(pixels: np.ndarray, columns: int) -> None:
    means = column_means(pixels, columns)
    edges = [n * len(pixels) // len(means) for n in range(len(means) + 1)]
    assert len(means) == min(columns, len(pixels))
    assert np.allclose(means, [pixels[a:b].mean(axis=0) for a, b in pairwise(edges)])


def test_time_runs_to_the_right_and_the_first_pixel_is_on_top() -> None:
    pixels = np.zeros((40, 4), np.uint16)
    pixels[30:, 0] = 1000
    shown = picture(picture_url(pixels, 20, 8))
    assert shown.shape == (8, 20)
    assert (shown[:2, 15:] == 255).all()
    assert (shown[2:] == 0).all()
    assert (shown[:, :15] == 0).all()


@pytest.mark.parametrize("value", [0, 7])
def test_a_picture_without_contrast_is_drawn(value: int) -> None:
    assert picture(picture_url(np.full((1, 1), value, np.uint8), 10, 5)).shape == (5, 10)


def test_few_lines_are_repeated_many_are_not_passed_over() -> None:
    pixels = np.zeros((30_000, 2), np.uint16)
    pixels[12_345] = 5000
    shown = picture(picture_url(pixels, 2000, 2))
    assert shown.shape == (2, 2000)
    assert (shown == 255).any()
    assert picture(picture_url(pixels[12_340:12_350], 2000, 2)).shape == (2, 2000)


def test_the_panels_share_the_time_axis_and_name_their_units(record: ZarrImageRecord) -> None:
    drawn = spec(record)
    kymograph, trace = drawn["vconcat"]
    domains = {
        str(layer["encoding"]["x"]["scale"]["domain"])
        for panel in (kymograph, trace)
        for layer in panel["layer"]
        if isinstance(layer["encoding"].get("x"), dict) and "scale" in layer["encoding"]["x"]
    }
    assert domains == {str([0.0, 6000 * 0.00117])}
    assert (kymograph["width"], trace["width"]) == (1000, 1000)
    [axes] = layers(drawn, 0, "point")
    assert axes["encoding"]["y"]["title"] == "position (µm)"
    assert axes["encoding"]["y"]["scale"]["domain"] == [38 * 0.284, 0]
    [line] = layers(drawn, 1, "line")
    assert line["encoding"]["y"]["title"] == "velocity (mm/s)"
    assert line["encoding"]["x"]["axis"]["title"] == "time (s)"
    assert drawn["title"]["text"] == "AngII/demo-03.tif"
    assert "6,000 lines of 38 pixels" in drawn["title"]["subtitle"][0]


def test_events_have_their_colour_and_one_legend(record: ZarrImageRecord) -> None:
    drawn = spec(record)
    band = layers(drawn, 1, "rect")[0]
    colour = band["encoding"]["color"]
    assert colour["scale"]["domain"] == ["baseline_drop", "baseline_rise", "nan_gap", "zero_gap"]
    assert colour["scale"]["range"] == list(EVENT_COLOURS.values())[:4]
    events = record.load_df_parquet(EVENTS_ARTIFACT)
    shown = rows(drawn, band)
    assert [row["event_type"] for row in shown] == events["event_type"].to_list()
    assert [row["begin"] for row in shown] == events["t_start_s"].to_list()
    gap = next(row for row in shown if row["event_type"] == "nan_gap")
    assert gap["until"] == gap["t_end_s"]
    drop = next(row for row in shown if row["event_type"] == "baseline_drop")
    assert drop["until"] == drop["peak_t_s"]


@pytest.mark.long
def test_candidates_are_pale_and_called_so(record: ZarrImageRecord) -> None:
    events = record.load_df_parquet(EVENTS_ARTIFACT)
    drops = pl.col("event_type") == "baseline_drop"
    labels = ["true_stall", *["unreviewed"] * (events.height - 1)]
    marked = events.sort(~drops).with_columns(candidate=drops, user_type=pl.Series(labels))
    record.save_df_parquet(EVENTS_ARTIFACT, marked)
    shown = rows(spec(record), layers(spec(record), 1, "rect")[0])
    told = [(row["event_type"], row["weight"] < 1, row["review"]) for row in shown]
    assert told[0] == ("baseline_drop", False, "true stall")
    assert set(told[1:]) >= {("baseline_drop", True, "candidate"), ("baseline_rise", False, "")}
    assert all(kind == "baseline_drop" for kind, pale, _ in told if pale)


def test_a_part_is_drawn_with_its_events_only(record: ZarrImageRecord) -> None:
    drawn = spec(record, start=2.5, end=4.0, width=400)
    band = layers(drawn, 1, "rect")[0]
    assert [row["event_type"] for row in rows(drawn, band)] == ["nan_gap"]
    assert band["encoding"]["color"]["scale"]["domain"] == ["nan_gap"]
    [line] = layers(drawn, 1, "line")
    times = [row["x"] for row in rows(drawn, line)]
    assert 2.5 <= min(times) < max(times) <= 4.0
    [image] = layers(drawn, 0, "image")
    assert image["mark"]["width"] == pytest.approx(400, abs=1)
    assert picture(rows(drawn, image)[0]["url"]).shape[1] == round(2 * image["mark"]["width"])


def test_missing_velocities_break_the_line(record: ZarrImageRecord) -> None:
    drawn = spec(record)
    [line] = layers(drawn, 1, "line")
    dark = [row["y"] for row in rows(drawn, line) if 3.05 < row["x"] < 3.45]
    assert dark
    assert set(dark) == {None}


def test_a_long_trace_keeps_its_extremes(record: ZarrImageRecord) -> None:
    n = 100_000
    velocity = np.sin(np.arange(n) / 1000)
    velocity[54_321] = 1.3
    times = np.linspace(0, 7, n)
    record.save_df_parquet(TRACE_ARTIFACT, pl.DataFrame({"time": times, "velocity": velocity}))
    drawn = spec(record, width=500)
    [line] = layers(drawn, 1, "line")
    shown = rows(drawn, line)
    assert len(shown) <= 1001
    assert max(row["y"] for row in shown) == 1.3


@pytest.mark.long
def test_wild_samples_are_cut_off_and_counted(record: ZarrImageRecord) -> None:
    trace = record.load_df_parquet(TRACE_ARTIFACT)
    wild = pl.int_range(pl.len()).is_in([100, 900])
    record.save_df_parquet(
        TRACE_ARTIFACT,
        trace.with_columns(velocity=pl.when(wild).then(-5e6).otherwise("velocity")),
    )
    drawn = spec(record)
    assert drawn["vconcat"][1]["title"]["text"] == "ROI 1  (2 of 1,497 samples beyond the axis)"
    [line] = layers(drawn, 1, "line")
    low, high = line["encoding"]["y"]["scale"]["domain"]
    assert -2 < low < 0 < 1.3 < high < 3
    assert min(row["y"] for row in rows(drawn, line) if row["y"] is not None) == low


@pytest.mark.long
def test_each_roi_has_its_panel_and_outline(record: ZarrImageRecord) -> None:
    trace = record.load_df_parquet(TRACE_ARTIFACT)
    second = trace.with_columns(roi_id=pl.lit(2, pl.Int32)).head(500)
    record.save_df_parquet(TRACE_ARTIFACT, pl.concat([trace, second]))
    metadata = record.load_metadata_payload()
    metadata["rois"].append({"roi_id": 2, "x0": 10, "x1": 20, "y0": 0, "y1": 2000})
    metadata["rois"].append({"roi_id": 3, "x0": None})
    record.save_metadata_payload(metadata)
    drawn = spec(record)
    assert [panel.get("title", {}).get("text") for panel in drawn["vconcat"][1:]] == [
        "ROI 1",
        "ROI 2",
    ]
    [outline] = layers(drawn, 0, "rect")
    assert rows(drawn, outline) == [
        {"x": 0.0, "x2": 2000 * 0.00117, "y": 10 * 0.284, "y2": 20 * 0.284, "name": "ROI 2"}
    ]
    assert len(spec(record, rois=[2])["vconcat"]) == 2
    assert layers(spec(record, start=3, end=4), 0, "rect") == []
    with pytest.raises(UsageError, match="no trace of ROI 9; traces there are: 1, 2"):
        spec(record, rois=[9])


def test_reviewed_events_say_so(record: ZarrImageRecord) -> None:
    events = record.load_df_parquet(EVENTS_ARTIFACT)
    added = pl.DataFrame(
        [{"roi_id": 1, "channel": 1, "event_type": "User Added", "t_start_s": 6.0}], EVENT_SCHEMA
    )
    marked = events.with_columns(
        user_type=pl.when(event_type="nan_gap").then(pl.lit("true_stall")).otherwise("user_type")
    )
    record.save_df_parquet(EVENTS_ARTIFACT, pl.concat([marked, added]))
    drawn = spec(record)
    [word] = layers(drawn, 1, "text")
    assert {row["event_type"]: row["review"] for row in rows(drawn, word) if row["review"]} == {
        "nan_gap": "true stall"
    }
    assert word["encoding"]["text"]["field"] == "review"
    band = layers(drawn, 1, "rect")[0]
    assert band["encoding"]["color"]["scale"]["domain"][-1] == "User Added"


def test_what_is_not_known_is_not_drawn(dataset: ZarrDataset, add_image) -> None:
    bare = spec(add_image("bare", 0))
    [axes] = layers(bare, 0, "point")
    assert axes["encoding"]["y"]["title"] == "position (pixel)"
    assert axes["encoding"]["x"]["axis"]["title"] == "time (line)"
    assert bare["title"]["text"] == "bare"
    (dataset.path / "images" / "dark").mkdir()
    trace = pl.DataFrame({"time": [0.0, 2.0], "velocity": [float("nan")] * 2})
    dataset.record("dark").save_df_parquet(TRACE_ARTIFACT, trace)
    [panel] = spec(dataset.record("dark"))["vconcat"]
    assert panel["height"] == HEIGHT
    (dataset.path / "images" / "empty").mkdir()
    with pytest.raises(UsageError, match="neither pixels nor a trace"):
        spec(dataset.record("empty"))


def test_what_can_not_be_drawn_is_refused(dataset: ZarrDataset, record: ZarrImageRecord) -> None:
    with pytest.raises(ImageNotFoundError):
        spec(dataset.record("nope"))
    with pytest.raises(UsageError, match="must end after it starts"):
        spec(record, start=5, end=5)
    cube = dataset.add_image(np.zeros((2, 3, 4), np.uint8), image_id="cube")
    with pytest.raises(UsageError, match=r"shape \(2, 3, 4\)"):
        spec(cube)
    record.artifact_path(EVENTS_ARTIFACT, ".parquet").write_bytes(b"no parquet")
    with pytest.raises(ArtifactUnreadableError):
        spec(record)


@pytest.mark.long
@pytest.mark.parametrize("ending", [".png", ".svg", ".html"])
def test_it_is_saved(record: ZarrImageRecord, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"image{ending}"
    save(draw_image(record, width=300, start=1, end=2), path)
    data = path.read_bytes()
    if ending == ".png":
        image = Image.open(io.BytesIO(data))
        assert image.mode == "RGB"
        assert image.width > 600
        assert len(np.unique(np.asarray(image)[200:260, 200:500])) > 50  # the kymograph's greys
    else:
        text = data.decode()
        assert "velocity (mm/s)" in text
        assert "data:image/png;base64" in text
