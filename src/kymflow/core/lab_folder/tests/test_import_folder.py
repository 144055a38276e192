from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import tifffile

from kymflow.core.lab_folder import import_folder, import_image, importer
from kymflow.core.lab_folder.known import KnownImages
from kymflow_zarr import NotFoundError, ReadOnlyError, UsageError, ZarrDataset

PIXELS = np.arange(80, dtype=np.uint16).reshape(20, 4)
HEADER = (
    '"[General]"\t""\r\n"Date"\t"07/22/2025 12:13:14.620 AM"\r\n'
    '"[Dimensions]"\t""\r\n"X Dimension"\t"4, 0.0 - 1.8 [um], 0.450 [um/pixel]"\r\n'
    '"[Image]"\t""\r\n"Image Size"\t"4 * 20 [pixel]"\r\n'
    '"Image Size(Unit Converted)"\t"1.8 [um] * 40.000 [ms]"\r\n'
)
TRACE = "roi_id,channel,time,velocity,cleanVelocity\n1,1,0.01,0.5,0.5\n2,1,0.01,,\n"
EVENT = {"event_type": "baseline_drop", "t_start": 0.1, "t_end": None, "score_peak": -1.0}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A lab folder of two images, one in the older form and one in the newer."""
    root = tmp_path / "lab"
    made = root / "28d" / "flow-analysis"
    made.mkdir(parents=True)
    tifffile.imwrite(root / "28d" / "old.tif", PIXELS)
    (root / "28d" / "old.txt").write_text(HEADER)
    (root / "28d" / "old.json").write_text(
        json.dumps(
            {
                "experiment_metadata": {"condition": "AngII"},
                "rois": [
                    {"id": 1, "dim0_start": 0, "dim0_stop": 20, "dim1_start": 1, "dim1_stop": 4}
                ],
            }
        )
    )
    (made / "old_kymanalysis.json").write_text('{"accepted": true, "velocity_events": {}}')
    (made / "old_kymanalysis.csv").write_text(",time,velocity\n0,0.01,0.5\n1,0.02,\n")
    new = root / "flow-analysis"
    new.mkdir()
    tifffile.imwrite(root / "new.TIF", PIXELS.astype(np.uint8))
    roi = {"roi_id": 3, "data": {"x0": 1, "x1": 4, "y0": 0, "y1": 20}}
    (root / "new.json").write_text(json.dumps({"rois": [roi], "accepted": False}))
    (new / "new_radon.csv").write_text(TRACE)
    (new / "new_radon.json").write_text('{"analysis_metadata": {"1:1": {"window_size": 16}}}')
    events = {"velocity_events": {"1:1": [EVENT], "2": []}, "params": {"mad_k": 2.5}}
    (new / "new_events.json").write_text(json.dumps(events))
    return root


def by_path(dataset: ZarrDataset) -> dict[str, str]:
    return {source.path: i for i, source in KnownImages(dataset).sources.items()}


def test_everything_a_folder_holds_comes_in(folder: Path, dataset: ZarrDataset) -> None:
    report = import_folder(folder, dataset)
    assert [path for path, _ in report.added] == ["28d/old.tif", "new.TIF"]
    ids = by_path(dataset)
    old, new = dataset.record(ids["28d/old.tif"]), dataset.record(ids["new.TIF"])
    np.testing.assert_array_equal(old.load_array(), PIXELS)
    assert old.get_axes() == ["t", "x"]
    metadata = old.load_metadata_payload()
    assert metadata["header"]["voxels"] == [0.002, 0.45]
    assert metadata["header"]["acquired_local_epoch_ns"] == 1753143194620000000
    assert metadata["experiment_metadata"] == {"condition": "AngII"}
    assert metadata["accepted"] is True
    assert metadata["source"]["folders"] == ["28d"]
    assert metadata["rois"] == [{"roi_id": 1, "x0": 1, "x1": 4, "y0": 0, "y1": 20}]
    assert new.load_metadata_payload()["rois"] == [
        {"roi_id": 3, "x0": 1, "x1": 4, "y0": 0, "y1": 20}
    ]
    assert new.load_json("velocity_events/params") == {"mad_k": 2.5}
    events = new.load_df_parquet("velocity_events/events")
    assert events.select("roi_id", "channel", "event_id", "t_start_s", "score").rows() == [
        (1, 1, "0", 0.1, -1.0)
    ]
    assert "velocity_events/events.parquet" not in old.list_analysis_keys()


@pytest.mark.parametrize(("own", "of_analysis"), [(None, True), (False, True), (None, None)])
def test_a_null_in_the_sidecar_hides_no_acceptance(
    folder: Path, dataset: ZarrDataset, own: bool | None, of_analysis: bool | None
) -> None:
    (folder / "new.json").write_text(json.dumps({"accepted": own}))
    analysis = folder / "flow-analysis" / "new_radon.json"
    analysis.write_text(json.dumps({"accepted": of_analysis}))
    import_folder(folder, dataset)
    payload = dataset.record(by_path(dataset)["new.TIF"]).load_metadata_payload()
    assert payload["accepted"] == (of_analysis if own is None else own)


def test_traces_have_typed_columns(folder: Path, dataset: ZarrDataset) -> None:
    import_folder(folder, dataset)
    ids = by_path(dataset)
    old = dataset.record(ids["28d/old.tif"]).load_df_parquet("velocity/trace")
    assert old.schema == {
        "roi_id": pl.Int32,
        "channel": pl.Int32,
        "time": pl.Float64,
        "velocity": pl.Float64,
    }
    new = dataset.record(ids["new.TIF"]).load_df_parquet("velocity/trace")
    assert new["roi_id"].to_list() == [1, 2]
    assert new["velocity"].is_nan().to_list() == [False, True]


def test_importing_again_skips(folder: Path, dataset: ZarrDataset) -> None:
    import_folder(folder, dataset)
    os.utime(folder / "new.TIF", (1, 1))
    report = import_folder(folder, dataset)
    assert report.skipped == ["28d/old.tif", "new.TIF"]
    assert len(dataset.list_image_ids()) == 2


@pytest.mark.parametrize("change", ["edit", "appear", "vanish"])
def test_what_changed_is_imported_again_on_request(
    folder: Path, dataset: ZarrDataset, change: str
) -> None:
    import_folder(folder, dataset)
    image_id = by_path(dataset)["new.TIF"]
    dataset.record(image_id).save_json("mine", 1)
    if change == "edit":
        (folder / "new.json").write_text('{"accepted": true}')
    elif change == "appear":
        (folder / "new.txt").write_text(HEADER)
    else:
        (folder / "new.json").unlink()
    report = import_folder(folder, dataset)
    assert (report.changed, report.skipped, report.updated) == (["new.TIF"], ["28d/old.tif"], [])
    report = import_folder(folder, dataset, changed=True)
    assert report.updated == [("new.TIF", image_id)]
    assert dataset.record(image_id).load_json("mine") == 1
    assert import_folder(folder, dataset).changed == []


def test_artifacts_a_folder_no_longer_holds_go_with_the_change(
    folder: Path, dataset: ZarrDataset
) -> None:
    import_folder(folder, dataset)
    (folder / "flow-analysis" / "new_events.json").unlink()
    (folder / "flow-analysis" / "new_radon.csv").unlink()
    import_folder(folder, dataset, changed=True)
    keys = dataset.record(by_path(dataset)["new.TIF"]).list_analysis_keys()
    assert [key for key in keys if not key.startswith("import/")] == ["metadata.json"]


def test_new_files_are_added(folder: Path, dataset: ZarrDataset) -> None:
    import_folder(folder, dataset)
    tifffile.imwrite(folder / "third.tif", PIXELS + 1)
    assert [path for path, _ in import_folder(folder, dataset).added] == ["third.tif"]


def test_two_folders_with_the_same_names_are_two_sets(folder: Path, dataset: ZarrDataset) -> None:
    import_folder(folder, dataset)
    other = folder.with_name("other")
    other.mkdir()
    tifffile.imwrite(other / "new.TIF", PIXELS + 7)
    assert len(import_folder(other, dataset).added) == 1
    assert len(dataset.list_image_ids()) == 3


BROKEN = {
    "new.TIF": [b"", b"II*\0", b"no TIFF at all"],
    "new.json": [b"{", b"[1]", b'{"rois": 3}', b'{"rois": [3]}', b'{"header": [1]}', b"\xff\xfe"],
    "flow-analysis/new_radon.csv": [b"a,b\n1,2\n", b"time,velocity\nx,y\n", b""],
    "flow-analysis/new_events.json": [
        b"{",
        b'{"velocity_events": {"one": []}}',
        b'{"velocity_events": {"1": {}}}',
        b'{"velocity_events": {"1": [3]}}',
        b'{"velocity_events": {"1": [{"t_start": "soon"}]}}',
    ],
    "flow-analysis/new_radon.json": [b'{"analysis_metadata": 3}'],
}


@pytest.mark.parametrize(("name", "data"), [(n, d) for n, ds in BROKEN.items() for d in ds])
def test_a_broken_file_fails_its_image_alone(
    folder: Path, dataset: ZarrDataset, name: str, data: bytes
) -> None:
    (folder / name).write_bytes(data)
    report = import_folder(folder, dataset)
    assert [path for path, _ in report.added] == ["28d/old.tif"]
    [(path, message)] = report.failed
    assert path == "new.TIF"
    assert Path(name).name in message
    assert "\n" not in message
    assert len(dataset.list_image_ids()) == 1
    hidden = [p.name for p in (dataset.path / "images").iterdir() if p.name.startswith(".")]
    assert hidden == []


def test_a_truncated_tiff_fails(folder: Path, dataset: ZarrDataset) -> None:
    data = (folder / "new.TIF").read_bytes()
    (folder / "new.TIF").write_bytes(data[: len(data) - 30])
    assert [path for path, _ in import_folder(folder, dataset).failed] == ["new.TIF"]


def test_what_is_no_folder_is_refused(tmp_path: Path, dataset: ZarrDataset) -> None:
    with pytest.raises(NotFoundError):
        import_folder(tmp_path / "none", dataset)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError):
        import_folder(tmp_path / "file", dataset)
    with pytest.raises(ReadOnlyError):
        import_folder(tmp_path, ZarrDataset(dataset.path, mode="r"))


def test_hidden_files_are_passed_over(folder: Path, dataset: ZarrDataset) -> None:
    shutil.copy(folder / "new.TIF", folder / "._new.tif")
    assert len(import_folder(folder, dataset).added) == 2


@pytest.mark.long
def test_it_runs_on_worker_processes(folder: Path, dataset: ZarrDataset) -> None:
    (folder / "broken.tif").write_bytes(b"no picture")
    steps: list[tuple[int, int, str]] = []
    report = import_folder(folder, dataset, workers=2, progress=lambda *step: steps.append(step))
    assert [path for path, _ in report.added] == ["28d/old.tif", "new.TIF"]
    assert by_path(dataset) == dict(report.added)
    assert [path for path, _ in report.failed] == ["broken.tif"]
    assert [(done, total) for done, total, _ in steps] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert {path for _, _, path in steps} == {"", "28d/old.tif", "broken.tif", "new.TIF"}
    (folder / "new.json").write_text("{}")
    with ThreadPoolExecutor(2) as threads:
        again = import_folder(folder, dataset, changed=True, executor=threads)
    assert [path for path, _ in again.updated] == ["new.TIF"]
    assert again.skipped == ["28d/old.tif"]


def kill_at_new(task: import_image.Task) -> import_image.Imported:
    if task.image.path == "new.TIF":
        os.kill(os.getpid(), signal.SIGKILL)
    return import_image.IMPORT.do(task)


@pytest.mark.long
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_file_that_kills_its_process_fails_alone(folder: Path, dataset, monkeypatch) -> None:
    monkeypatch.setattr(importer, "IMPORT", replace(import_image.IMPORT, do=kill_at_new))
    report = import_folder(folder, dataset, workers=1)
    assert [path for path, _ in report.added] == ["28d/old.tif"]
    assert report.failed == [("new.TIF", import_image.FATAL)]
