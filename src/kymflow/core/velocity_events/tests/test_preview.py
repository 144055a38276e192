"""A preview against the detection that it tells of."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from conftest import Demo

from kymflow.core.review.journal import Journal
from kymflow.core.review.reviews import Reviews
from kymflow.core.velocity_events import EventParams, detect_image, get_params, preview_detection
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import ArtifactNotFoundError

TIMES = ("event_type", "t_start_s", "peak_t_s", "t_end_s")


@pytest.fixture
def own(demo: Demo, tmp_path: Path) -> ZarrDataset:
    shutil.copytree(demo.folder / "demo.zarr", tmp_path / "demo.zarr")
    return ZarrDataset(tmp_path / "demo.zarr", mode="a")


def times(rows) -> list[tuple[object, ...]]:
    return sorted(tuple(str(row[name]) for name in TIMES) for row in rows)


@pytest.mark.parametrize(
    "changes",
    [{}, {"abs_score_floor": 1.0}, {"mad_k": 60.0}, {"win_cmp_sec": 0.4}, {"top_k_total": 6}],
)
@pytest.mark.parametrize("image", ["demo-00", "demo-03"])
def test_what_is_foretold_comes_about(own: ZarrDataset, image: str, changes) -> None:
    record = own.record(image)
    reviews = Reviews(own, reviewer="ann")
    keys = reviews.find(image).keys
    reviews.label(keys[:2], "true_stall")
    reviews.add(image, start=6.1, end=6.3)
    before = reviews.events(image).to_dicts()
    params = get_params(record).with_changes(changes)
    preview = preview_detection(record, params)
    assert times(reviews.events(image).to_dicts()) == times(before)
    told = [event for event in preview.events if event["fate"] != "gone"]
    done = detect_image(record, params)
    after = reviews.events(image).to_dicts()
    assert times(told) == times(after)
    assert (preview.verdicts_moved, preview.verdicts_kept) == (done.moved, len(done.kept))
    counts = {fate: preview.count(fate) for fate in ("kept", "moved", "new", "gone")}
    assert counts["kept"] + counts["moved"] + counts["gone"] == len(before)
    assert counts["kept"] + counts["moved"] + counts["new"] == len(after)
    same = {tuple(str(row[n]) for n in TIMES) for row in before}
    assert counts["kept"] <= sum(tuple(str(row[n]) for n in TIMES) in same for row in after)
    if not changes:
        assert counts == {"kept": len(before), "moved": 0, "new": 0, "gone": 0}
    decided = [event for event in told if event["decided"]]
    assert len(decided) == 3


def test_a_preview_writes_nothing(own: ZarrDataset) -> None:
    before = {p: p.stat().st_mtime_ns for p in own.path.rglob("*") if p.is_file()}
    preview_detection(own.record("demo-01"), EventParams(mad_k=9.0))
    assert {p: p.stat().st_mtime_ns for p in own.path.rglob("*") if p.is_file()} == before
    assert not Journal(own).decisions()


def test_there_is_nothing_to_foretell_without_a_trace(dataset: ZarrDataset) -> None:
    with dataset.stage_image("bare") as staged:
        staged.save_metadata_payload({})
    with pytest.raises(ArtifactNotFoundError):
        preview_detection(dataset.record("bare"), EventParams())
