"""The main job on real data: a lab folder goes in, a queried event table comes out."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.lab_folder import import_folder
from kymflow.core.plots import draw_image, save
from kymflow.core.velocity_events import detect_dataset, set_params
from kymflow_zarr import ZarrDataset

CAPILLARY = "Capillary1_0001.tif"


@pytest.fixture
def kym(lab_folder: Path, dataset: ZarrDataset) -> KymDataset:
    report = import_folder(lab_folder, dataset)
    assert (len(report.added), report.failed) == (4, [])
    return KymDataset(dataset)


@pytest.mark.long
def test_real_events_are_queried_and_one_change_updates_one_image(
    kym: KymDataset, lab_folder: Path
) -> None:
    for indexer in (ImageIndexer(), VelocityEventIndexer()):
        assert kym.update_index(indexer).updated == 4
        assert kym.update_index(indexer, mode="incremental").skipped == 4
    rows = kym.sql(
        "SELECT source_path, roi_id, channel, event_type, i_start, t_start_s, score "
        "FROM kym_velocity_events JOIN kym_images USING (image_id)"
    )
    events_file = lab_folder / "flow-analysis" / "Capillary1_0001_events.json"
    expected = [
        (CAPILLARY, 1, 1, e["event_type"], e["i_start"], e["t_start"], e["score_peak"])
        for e in json.loads(events_file.read_text())["velocity_events"]["1:1"]
    ]
    assert rows.rows() == expected

    image_id = kym.sql(f"SELECT image_id FROM kym_images WHERE source_path = '{CAPILLARY}'").item()
    params = {**VelocityEventIndexer.default_params, "mad_k": 4.0}
    kym.dataset.record(image_id).save_json("velocity_events/params", params)
    why = kym.explain(VelocityEventIndexer(), image_id)
    assert [str(change) for change in why.changes] == ["mad_k: 3.0 → 4.0"]
    report = kym.update_index(VelocityEventIndexer(), mode="incremental")
    assert (report.updated, report.skipped) == (1, 3)


@pytest.mark.long
def test_editing_metadata_makes_one_image_stale(kym: KymDataset) -> None:
    kym.update_index(ImageIndexer())
    record = next(kym.dataset.iter_records())
    metadata = record.load_metadata_payload()
    metadata["experiment_metadata"]["condition"] = "control"
    record.save_metadata_payload(metadata)
    report = kym.update_index(ImageIndexer(), mode="incremental")
    assert (report.updated, report.skipped) == (1, 3)
    assert kym.sql("SELECT count(*) FROM kym_images WHERE condition = 'control'").item() == 1


def test_traces_come_in_whole(kym: KymDataset, lab_folder: Path) -> None:
    lines = sum(
        len(path.read_bytes().splitlines()) - 1 for path in lab_folder.rglob("flow-analysis/*.csv")
    )
    traces = [record.load_df_parquet("velocity/trace") for record in kym.dataset.iter_records()]
    assert sum(trace.height for trace in traces) == lines


def test_what_the_images_table_tells(kym: KymDataset) -> None:
    kym.update_index(ImageIndexer())
    row = kym.sql(
        "SELECT folder_1, folder_2, acquired_at, shape, dtype, n_rois, accepted, um_per_pixel "
        "FROM kym_images WHERE source_path LIKE '%A89_0002.tif'"
    ).row(0)
    assert row[:2] == ("28d AngII", "20250722")
    assert row[2].isoformat() == "2025-07-22T12:13:14.620000"
    assert row[3:] == ([30000, 19], "uint16", 2, True, 0.45)


def events_per_trace(kym: KymDataset) -> dict[str, int]:
    """Count events by ``IMAGE#ROI``, as the reference answers are keyed but for their suffix."""
    rows = kym.sql(
        "SELECT source_path, roi_id, count(*) AS n FROM kym_velocity_events "
        "JOIN kym_images USING (image_id) GROUP BY ALL"
    )
    return {f"{Path(path).stem}#{roi_id}": n for path, roi_id, n in rows.iter_rows()}


@pytest.mark.long
def test_events_detected_in_real_traces_are_those_expected(kym: KymDataset, lab_data: Path) -> None:
    answers = json.loads((lab_data / "expected" / "velocity_events.json").read_text())
    expected = {
        re.sub(r"_(kymanalysis|radon)\.csv", "", key): len(events)
        for key, events in answers.items()
    }
    indexer = VelocityEventIndexer()
    kym.update_index(ImageIndexer())
    kym.update_index(indexer)  # of what was imported, before anything is detected
    assert detect_dataset(kym.dataset).detected == 4
    assert kym.update_index(indexer, mode="incremental").updated == 4
    assert events_per_trace(kym) == expected

    picked = f"SELECT image_id FROM kym_images WHERE source_path = '{CAPILLARY}'"
    set_params(kym.dataset.record(kym.sql(picked).item()), {"mad_k": 4.0})
    report = detect_dataset(kym.dataset)
    assert (report.detected, report.skipped) == (1, 3)
    updated = kym.update_index(indexer, mode="incremental")
    assert (updated.updated, updated.skipped) == (1, 3)
    now = events_per_trace(kym)
    changed = {key for key in expected if now[key] != expected[key]}
    assert changed == {"Capillary1_0001#2"}

    assert detect_dataset(kym.dataset).skipped == 4
    assert kym.update_index(indexer, mode="incremental").skipped == 4


@pytest.mark.long
def test_a_review_outlives_an_import_of_a_changed_folder(
    lab_folder: Path, dataset: ZarrDataset, tmp_path: Path
) -> None:
    lab = tmp_path / "lab"
    shutil.copytree(lab_folder, lab)
    import_folder(lab, dataset)
    detect_dataset(dataset)
    judged = {}
    for number, rec in enumerate(dataset.iter_records()):
        events = rec.load_df_parquet("velocity_events/events")
        work = events.with_row_index("n").with_columns(
            user_type=pl.lit("true_stall"),
            note=pl.format("{} of {}", "n", pl.lit(number)),
            rating=pl.col("n") % 5,
        )
        rec.save_df_parquet("velocity_events/events", work.drop("n"))
        judged[rec.image_id] = work.drop("n")
    for sidecar in lab.rglob("*.json"):
        content = json.loads(sidecar.read_text())
        if "experiment_metadata" in content:
            content["experiment_metadata"]["note"] = "corrected in the lab"
            sidecar.write_text(json.dumps(content, indent=2))
    (lab / "28d AngII").rename(lab / "AngII 28d")
    report = import_folder(lab, dataset, changed=True)
    assert (len(report.updated), len(report.moved), report.conflicts) == (4, 3, [])
    for rec in dataset.iter_records():
        assert rec.load_df_parquet("velocity_events/events").equals(judged[rec.image_id])
        experiment = rec.load_metadata_payload()["experiment_metadata"]
        assert experiment["note"] == "corrected in the lab"

    # The lab's own program judges an event, adds one and writes the file again.
    path = lab / "flow-analysis" / "Capillary1_0001_events.json"
    content = json.loads(path.read_text())
    events = content["velocity_events"]["1:1"]
    events[0]["note"] = "seen in the lab"
    added = {**events[0], "event_type": "User Added", "t_start": 1.0, "t_end": 1.5, "t_peak": None}
    content["velocity_events"]["1:1"] = [*events, added]
    path.write_text(json.dumps(content))
    report = import_folder(lab, dataset, changed=True)
    [(_, image_id)] = report.updated
    now = dataset.record(image_id).load_df_parquet("velocity_events/events")
    assert now.height == judged[image_id].height + 1
    kept = now.filter(pl.col("event_type") != "User Added")
    assert kept.equals(judged[image_id])
    assert [each.clash.theirs for each in report.conflicts] == ["seen in the lab"]


@pytest.mark.long
@pytest.mark.parametrize("number", range(4))
def test_every_real_image_is_drawn(kym: KymDataset, tmp_path: Path, number: int) -> None:
    image_id = kym.dataset.list_image_ids()[number]
    detect_dataset(kym.dataset, image_ids=[image_id])
    save(draw_image(kym.dataset.record(image_id)), tmp_path / "image.png")
    assert 50_000 < (tmp_path / "image.png").stat().st_size < 3_000_000
