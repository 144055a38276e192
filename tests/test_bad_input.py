"""Bad input is a typed, one-line error that names the file, and stops nothing but its image."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from kymflow.core import lab_folder
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, UpdateReport, VelocityEventIndexer
from kymflow.core.kym_dataset.indexers import bulk
from kymflow.core.kym_dataset.update import extract
from kymflow_zarr import (
    ArtifactError,
    DatasetError,
    TableSchemaError,
    ZarrDataset,
    ZarrImageRecord,
)
from kymflow_zarr.store import parquet
from tests import corpus

import_folder = partial(lab_folder.import_folder, copies=True)
"""Many of the TIFFs here hold the same pixels."""
Fill = Callable[[ZarrDataset, Mapping[str, int]], ZarrDataset]
EVENTS = VelocityEventIndexer()
IMAGES = ImageIndexer()
GOOD = {"aa": 2, "zz": 1}


def check_message(error: Exception | str) -> None:
    """Check that an error is one line that a terminal can show."""
    text = str(error)
    assert text
    assert text.isprintable(), text
    assert len(text) < 1000


def ids_of(nasties: Mapping[str, object]) -> dict[str, str]:
    """Return an image id for each nasty, between those of the good images."""
    return {f"bad-{number:03d}": name for number, name in enumerate(nasties)}


def check_failures(report: UpdateReport, ids: Mapping[str, str]) -> None:
    """Check that exactly these images failed, each with a message, and the good ones did not."""
    failed = {failure.image_id: failure for failure in report.failures}
    assert {ids[i] for i in ids if i not in failed} == set()
    assert sorted(failed) == sorted(ids)
    for failure in failed.values():
        check_message(failure.message)
        assert failure.artifact


@pytest.fixture
def place(dataset: ZarrDataset, fill: Fill) -> Callable[..., dict[str, str]]:
    """Return a function that puts each nasty into an image of its own, among good images."""

    def put(nasties: Mapping[str, bytes], artifact: str, *others: str) -> dict[str, str]:
        fill(dataset, GOOD)
        ids = ids_of(nasties)
        for image_id, name in ids.items():
            fill(dataset, {image_id: 1})
            folder = dataset.record(image_id).path / "analysis"
            for other in others:
                (folder / other).unlink()
            (folder / artifact).parent.mkdir(exist_ok=True)
            (folder / artifact).write_bytes(nasties[name])
        return ids

    return put


def leftovers(dataset: ZarrDataset) -> list[str]:
    """List the files that a failed write may have left in the dataset."""
    found = [*dataset.path.rglob(".staged-*"), *dataset.path.rglob("*.tmp")]
    found += (dataset.path / "index" / "staging").glob("*/*")
    return [path.name for path in found]


PARAMS = "velocity_events/params.json"
ROWS = "velocity_events/events.parquet"


@pytest.mark.long
def test_params_that_cant_be_read_fail_their_image_alone(dataset: ZarrDataset, place) -> None:
    ids = place(corpus.JSON, PARAMS)
    report = KymDataset(dataset).update_index(EVENTS, on_error="record")
    check_failures(report, ids)
    assert report.rows == 3
    assert leftovers(dataset) == []
    for image_id in ids:
        dataset.record(image_id).save_json("velocity_events/params", {"mad_k": 3.0})
    report = KymDataset(dataset).update_index(EVENTS, mode="incremental")
    assert (report.updated, report.skipped, report.failed) == (len(ids), 2, 0)


def test_odd_but_good_params_are_taken(dataset: ZarrDataset, place) -> None:
    place(corpus.GOOD_JSON, PARAMS)
    report = KymDataset(dataset).update_index(EVENTS)
    assert report.updated == len(corpus.GOOD_JSON) + 2
    assert KymDataset(dataset).update_index(EVENTS, mode="incremental").updated == 0


def test_packed_params_that_cant_be_read_fail_their_image_alone(
    dataset: ZarrDataset, place
) -> None:
    packed = {name: gzip.compress(data) for name, data in corpus.JSON.items()} | corpus.GZIP
    ids = place(packed, f"{PARAMS}.gz", PARAMS)
    report = KymDataset(dataset).update_index(EVENTS, on_error="record")
    check_failures(report, ids)
    assert report.rows == 3


@pytest.mark.parametrize("mode", ["replace", "incremental"])
def test_events_that_cant_be_read_fail_their_image_alone(
    dataset: ZarrDataset, place, mode: str
) -> None:
    """Among them are files that make Polars' scan of all files at once fail."""
    ids = place(corpus.PARQUET, ROWS)
    report = KymDataset(dataset).update_index(EVENTS, on_error="record", mode=mode)
    check_failures(report, ids)
    rows = dataset.load_table("kym_velocity_events")
    assert rows["image_id"].to_list() == ["aa", "aa", "zz"]
    with pytest.raises(ArtifactError) as raised:
        KymDataset(dataset).update_index(EVENTS, mode="incremental")
    check_message(raised.value)


def test_packed_events_that_cant_be_read_fail_their_image_alone(
    dataset: ZarrDataset, place
) -> None:
    packed = {name: gzip.compress(data) for name, data in corpus.CSV.items()} | corpus.GZIP
    del packed["garbage behind"]  # a CSV of one odd column
    ids = place(packed, ROWS.replace(".parquet", ".csv.gz"), ROWS)
    report = KymDataset(dataset).update_index(EVENTS, on_error="record")
    check_failures(report, ids)
    assert report.rows == 3


def test_metadata_that_cant_be_read_fails_its_image_alone(dataset: ZarrDataset, place) -> None:
    ids = place(corpus.JSON | corpus.METADATA, "metadata.json")
    report = KymDataset(dataset).update_index(IMAGES, on_error="record")
    check_failures(report, ids)
    assert report.rows == 2
    lenient = {"NaN", "infinity", "1e999", "twice", "twice within", *corpus.METADATA}
    for image_id in (image_id for image_id, name in ids.items() if name not in lenient):
        with pytest.raises(ArtifactError) as raised:
            dataset.record(image_id).load_metadata_payload()
        check_message(raised.value)


def test_odd_metadata_becomes_nulls_and_texts(dataset: ZarrDataset, fill: Fill) -> None:
    for name, payload in corpus.ODD_METADATA.items():
        fill(dataset, {name: 0})
        text = corpus.json_with_any_number(payload)
        (dataset.record(name).path / "analysis" / "metadata.json").write_bytes(text)
    KymDataset(dataset).update_index(IMAGES)
    rows = dataset.load_table("kym_images")
    assert rows["image_id"].to_list() == sorted(corpus.ODD_METADATA)
    assert rows["image_id"].null_count() == rows["params_hash"].null_count() == 0
    assert (
        rows.select("shape", "n_lines", "acquired_at", "branch_order").null_count().row(0)
        == (rows.height,) * 4
    )


@pytest.mark.long
def test_zarr_metadata_that_cant_be_read_fails_its_image_alone(
    dataset: ZarrDataset, add_image
) -> None:
    add_image("aa")
    ids = ids_of(corpus.ZARR)
    for image_id, name in ids.items():
        add_image(image_id)
        (dataset.record(image_id).path / "data" / "zarr.json").write_bytes(corpus.ZARR[name])
    check_failures(KymDataset(dataset).update_index(IMAGES, on_error="record"), ids)
    for image_id in ids:
        for read in (ZarrImageRecord.load_array, ZarrImageRecord.get_image_bounds):
            with pytest.raises(ArtifactError) as raised:
                read(dataset.record(image_id))
            check_message(raised.value)


def test_a_manifest_holds_every_image_whatever_its_metadata(
    dataset: ZarrDataset, add_image
) -> None:
    odd = b'{"attributes": {"axes": 5, "created_utc": [1]}, "shape": {"a": 1}, "data_type": 3}'
    nasties = {**corpus.ZARR, "odd": odd}
    for image_id, name in ids_of(nasties).items():
        add_image(image_id)
        for file in ("zarr.json", "data/zarr.json"):
            (dataset.record(image_id).path / file).write_bytes(nasties[name])
        with pytest.raises(DatasetError) as raised:
            dataset.record(image_id).get_image_bounds()
        check_message(raised.value)
    assert dataset.update_manifest().height == len(nasties)


@pytest.mark.parametrize("name", corpus.JSON)
def test_a_root_that_cant_be_read_is_no_dataset(dataset: ZarrDataset, name: str) -> None:
    (dataset.path / "zarr.json").write_bytes(corpus.JSON[name])
    with pytest.raises(DatasetError, match="dataset") as raised:
        ZarrDataset(dataset.path, mode="a")
    check_message(raised.value)


@pytest.mark.wide
@pytest.mark.parametrize(
    ("index", "kept"),
    [
        ({"": [0, 1]}, False),
        ({"": [7, 9]}, False),
        ({"__index_level_0__": [7, 9]}, False),
        ({"Unnamed: 0": [7, 9]}, False),
        ({"index": [0, 1]}, False),
        ({"level_0": [0, 1]}, False),
        ({"index": [7, 9]}, True),
        ({"index": ["x", "y"]}, True),
        ({"Unnamed: 0": ["x", "y"]}, True),
    ],
)
def test_an_index_of_pandas_in_an_artifact_is_no_column(
    dataset: ZarrDataset, fill: Fill, index: dict[str, list[object]], kept: bool
) -> None:
    fill(dataset, {"a": 1, "b": 1, "c": 1})
    frame = pl.DataFrame({**index, "roi_id": [1, 2]})
    for image_id, suffix in (("a", ".parquet"), ("b", ".csv.gz"), ("c", ".parquet")):
        path = dataset.record(image_id).artifact_path("velocity_events/events", ".parquet")
        path.unlink()
        path = path.with_name(f"events{suffix}")
        if suffix == ".parquet":
            frame.write_parquet(path)
        else:
            path.write_bytes(gzip.compress(frame.write_csv().encode()))
    KymDataset(dataset).update_index(EVENTS)
    rows = dataset.load_table("kym_velocity_events")
    assert rows["roi_id"].to_list() == [1, 2] * 3
    own = {"image_id", "analysis_version", "params_hash", *EVENTS.schema}
    assert set(rows.columns) - own == (set(index) if kept else set())


def test_an_index_that_counts_rows_is_left_out_of_its_image_alone(
    dataset: ZarrDataset, fill: Fill
) -> None:
    """So it is whether files are read together or one by one."""
    fill(dataset, dict.fromkeys("abcd", 1))
    for image_id, numbers in (("a", [0, 1]), ("b", [7, 9]), ("c", [0])):
        frame = pl.DataFrame({"index": numbers, "roi_id": [1] * len(numbers)})
        dataset.record(image_id).save_df_parquet("velocity_events/events", frame)
    for image_ids in (["a"], None):
        KymDataset(dataset).update_index(EVENTS, image_ids=image_ids)
    table = dataset.load_table("kym_velocity_events")
    numbers = dict(table.group_by("image_id").agg("index").iter_rows())
    assert numbers == {"a": [None, None], "b": [7, 9], "c": [None], "d": [None]}


@pytest.mark.parametrize("batch", [2, 100])
def test_the_type_that_most_images_hold_goes(
    dataset: ZarrDataset, fill: Fill, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    """An undeclared column of another type, or of a name in other case, fails its image alone."""
    monkeypatch.setattr(extract, "BATCH", batch)
    columns: dict[str, pl.DataFrame] = {
        "1-null": pl.DataFrame({"mine": [None]}),
        "2-odd": pl.DataFrame({"mine": [1]}),
        "3": pl.DataFrame({"mine": ["x"]}),
        "4-other": pl.DataFrame({"yours": [1]}),
        "5": pl.DataFrame({"mine": ["y"]}),
        "6-odd": pl.DataFrame({"MINE": ["z"]}),
        "7-float": pl.DataFrame({"yours": [0.5]}),
        "8-null": pl.DataFrame({"mine": [None]}, {"mine": pl.Int64}),
    }
    for image_id, frame in columns.items():
        fill(dataset, {image_id: 1})
        dataset.record(image_id).save_df_parquet("velocity_events/events", frame)
    report = KymDataset(dataset).update_index(EVENTS, on_error="record")
    assert report.updated == len(columns) - 2
    messages = {failure.image_id: failure.message for failure in report.failures}
    assert sorted(messages) == ["2-odd", "6-odd"]
    assert "'mine' holds Int64 and other images' String" in messages["2-odd"]
    assert "'MINE' is 'mine' for other images" in messages["6-odd"]
    rows = dataset.load_table("kym_velocity_events")
    assert rows["mine"].to_list() == [None, "x", None, "y", None, None]
    assert rows["yours"].to_list() == [None, None, 1.0, None, 0.5, None]
    again = KymDataset(dataset).update_index(EVENTS, mode="incremental", on_error="record")
    assert (again.skipped, again.failed) == (len(columns) - 2, 2)
    assert dataset.load_table("kym_velocity_events").equals(rows)


@pytest.mark.long
def test_an_image_that_does_not_fit_the_table_fails_alone(dataset: ZarrDataset, fill: Fill) -> None:
    kym = KymDataset(dataset)
    fill(dataset, {"a": 1})
    dataset.record("a").save_df_parquet("velocity_events/events", pl.DataFrame({"mine": ["x"]}))
    kym.update_index(EVENTS)
    fill(dataset, {"b": 2, "c": 1})
    dataset.record("c").save_df_parquet("velocity_events/events", pl.DataFrame({"mine": [1]}))
    report = kym.update_index(EVENTS, mode="incremental", on_error="record")
    assert (report.updated, report.failed, report.rows) == (1, 1, 3)
    check_message(report.failures[0].message)
    with pytest.raises(TableSchemaError, match=r"'mine' holds Int64 .* String, .*mode="):
        kym.update_index(EVENTS, mode="incremental")
    dataset.delete_image("a")
    assert kym.update_index(EVENTS).rows == 3
    assert dataset.load_table("kym_velocity_events")["mine"].to_list() == [None, None, 1]


@pytest.mark.long
def test_an_odd_image_whose_old_rows_stay_stops_no_update(
    dataset: ZarrDataset, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most images now hold text, but the old numbers of the odd one would stand beside it."""

    def hold(**values: object) -> None:
        for image_id, value in values.items():
            frame = pl.DataFrame({"mine": [value]})
            dataset.record(image_id).save_df_parquet("velocity_events/events", frame)

    monkeypatch.setattr(extract, "BATCH", 1)
    kym = KymDataset(dataset)
    fill(dataset, dict.fromkeys("abc", 1))
    hold(a=1, b=2, c=3)
    kym.update_index(EVENTS)
    hold(a="x", b="y", c=4)
    report = kym.update_index(EVENTS, on_error="record")
    assert [failure.image_id for failure in report.failures] == ["a", "b"]
    assert dataset.load_table("kym_velocity_events")["mine"].to_list() == [1, 2, 4]
    some = kym.update_index(EVENTS, image_ids=["a", "b"], on_error="record")
    assert [failure.image_id for failure in some.failures] == ["a", "b"]
    hold(c="z")
    assert kym.update_index(EVENTS).updated == 3
    assert dataset.load_table("kym_velocity_events")["mine"].to_list() == ["x", "y", "z"]


# A lab's own JSON may hold NaN, as Python writes it for a missing number.
LAB_JSON = {name: data for name, data in corpus.JSON.items() if name != "NaN"}
LAB = {
    "TIFFs": ("{}.tif", corpus.TIFF),
    "sidecars": ("{}.json", LAB_JSON | corpus.SIDECARS),
    "traces": ("flow-analysis/{}_radon.csv", corpus.TRACES),
    "events": ("flow-analysis/{}_events.json", LAB_JSON | corpus.EVENTS),
    "analyses": ("flow-analysis/{}_radon.json", LAB_JSON),
    "older analyses": ("flow-analysis/{}_kymanalysis.json", LAB_JSON | corpus.EVENTS),
}


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """Return a lab folder with two good images."""
    folder = tmp_path / "lab"
    (folder / "flow-analysis").mkdir(parents=True)
    for name in ("aa", "zz"):
        (folder / f"{name}.tif").write_bytes(corpus.GOOD_TIFF["plain"])
    (folder / "aa.txt").write_text(corpus.HEADER)
    return folder


@pytest.mark.wide
@pytest.mark.parametrize("kind", LAB)
def test_a_bad_lab_file_fails_its_image_alone(dataset: ZarrDataset, lab: Path, kind: str) -> None:
    file, nasties = LAB[kind]
    for image_id, name in ids_of(nasties).items():
        (lab / f"{image_id}.tif").write_bytes(corpus.GOOD_TIFF["plain"])
        (lab / file.format(image_id)).write_bytes(nasties[name])
    report = import_folder(lab, dataset)
    failed = dict(report.failed)
    assert {n for i, n in ids_of(nasties).items() if f"{i}.tif" not in failed} == set()
    assert [path for path, _ in report.added] == ["aa.tif", "zz.tif"]
    for path, message in report.failed:
        check_message(message)
        assert message.startswith(Path(file.format(Path(path).stem)).name)
    assert len(dataset.list_image_ids()) == 2
    assert leftovers(dataset) == []
    for image_id in ids_of(nasties):
        for path in (lab / file.format(image_id), lab / f"{image_id}.tif"):
            path.unlink(missing_ok=True)
        (lab / f"{image_id}.tif").write_bytes(corpus.GOOD_TIFF["plain"])
    assert len(import_folder(lab, dataset).added) == len(nasties)


def test_every_form_of_tiff_gives_the_same_pixels(dataset: ZarrDataset, lab: Path) -> None:
    for name, data in corpus.GOOD_TIFF.items():
        (lab / f"{name}.tif").write_bytes(data)
    report = import_folder(lab, dataset)
    assert report.failed == []
    for path, image_id in report.added:
        pixels = dataset.record(image_id).load_array()
        assert np.array_equal(pixels, corpus.PIXELS[: len(pixels)]), path


def test_odd_but_good_sidecars_are_taken(dataset: ZarrDataset, lab: Path) -> None:
    for name, data in corpus.GOOD_JSON.items():
        (lab / f"{name}.tif").write_bytes(corpus.GOOD_TIFF["plain"])
        (lab / f"{name}.json").write_bytes(
            b'{"experiment_metadata": ' + data.removeprefix(b"\xef\xbb\xbf") + b"}"
        )
    assert import_folder(lab, dataset).failed == []
    report = KymDataset(dataset).update_index(IMAGES, on_error="record")
    assert (report.updated, report.failed) == (len(corpus.GOOD_JSON) + 2, 0)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_and_devices_among_lab_files_are_not_waited_for(
    dataset: ZarrDataset, lab: Path
) -> None:
    for name in ("b.tif", "c.txt", "d.json", "flow-analysis/e_radon.csv"):
        os.mkfifo(lab / name)
    (lab / "f.json").symlink_to("/dev/zero")
    (lab / "g.tif").symlink_to("/dev/zero")
    (lab / "h.tif").symlink_to(lab / "nowhere")
    (lab / "i.tif").symlink_to(lab / "i.tif")
    for stem in "cdef":
        (lab / f"{stem}.tif").write_bytes(corpus.GOOD_TIFF["plain"])
    report = import_folder(lab, dataset)
    assert sorted(path for path, _ in report.failed) == [f"{stem}.tif" for stem in "bcdefghi"]
    assert len(report.added) == 2
    assert import_folder(lab, dataset).skipped == ["aa.tif", "zz.tif"]
    (lab / "aa.txt").unlink()
    os.mkfifo(lab / "aa.txt")
    report = import_folder(lab, dataset)
    assert "aa.tif" in dict(report.failed)
    check_message(dict(report.failed)["aa.tif"])


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_and_devices_among_artifacts_are_not_waited_for(
    dataset: ZarrDataset, fill: Fill
) -> None:
    fill(dataset, {**GOOD, "b": 1, "c": 1, "d": 1, "e": 1})
    for image_id, name in (("b", PARAMS), ("c", ROWS), ("d", PARAMS), ("e", ROWS)):
        path = dataset.record(image_id).path / "analysis" / name
        path.unlink()
        if image_id in "bc":
            os.mkfifo(path)
        elif image_id == "d":
            path.symlink_to("/dev/zero")
        else:
            path.mkdir()
    report = KymDataset(dataset).update_index(EVENTS, on_error="record")
    check_failures(report, {"b": "", "c": "", "d": "", "e": ""})
    assert report.rows == 3


def test_a_bad_header_costs_no_pixels(dataset: ZarrDataset, lab: Path) -> None:
    for image_id, name in ids_of(corpus.HEADERS).items():
        (lab / f"{image_id}.tif").write_bytes(corpus.GOOD_TIFF["plain"])
        (lab / f"{image_id}.txt").write_bytes(corpus.HEADERS[name])
    report = import_folder(lab, dataset)
    assert report.failed == []
    warned = {path for path, _ in report.warnings}
    assert warned == {"zz.tif", *(f"{image_id}.tif" for image_id in ids_of(corpus.HEADERS))}
    for _, message in report.warnings:
        check_message(message)
    KymDataset(dataset).update_index(IMAGES)
    query = "SELECT source_path, um_per_pixel, seconds_per_line, import_notes FROM kym_images"
    for path, um, seconds, notes in KymDataset(dataset).sql(query).iter_rows():
        assert um in (None, 0.45)
        assert seconds in (None, 0.002)
        assert (notes is not None) == (path in warned)


def test_twins_by_case_keep_their_own_files(dataset: ZarrDataset, lab: Path) -> None:
    if (lab / "AA.tif").exists():
        pytest.skip("this file system can't tell them apart")
    for stem in ("Twin", "twin", "TWIN"):
        (lab / f"{stem}.tif").write_bytes(corpus.GOOD_TIFF["plain"])
    for stem in ("Twin", "twin"):
        (lab / f"{stem}.json").write_text(f'{{"experiment_metadata": {{"note": "{stem}"}}}}')
        (lab / "flow-analysis" / f"{stem}_radon.csv").write_text(f"time,velocity,{stem}\n1,2,3\n")
    ids = dict(import_folder(lab, dataset).added)
    for stem in ("Twin", "twin"):
        record = dataset.record(ids[f"{stem}.tif"])
        assert record.load_metadata_payload()["experiment_metadata"] == {"note": stem}
        assert record.load_df_parquet("velocity/trace").columns[-1] == stem
    assert import_folder(lab, dataset).changed == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_lab_files_of_any_name_are_imported_or_listed(dataset: ZarrDataset, lab: Path) -> None:
    names = (
        b"a\nb.tif",
        b"\x1b[31m.tif",
        b"[a]*?{x}.tif",
        b"<b>.tif",
        b"CON.tif",
        b" .tif",
    )
    for name in names:
        (Path(os.fsdecode(bytes(lab) + b"/" + name))).write_bytes(corpus.GOOD_TIFF["plain"])
        (Path(os.fsdecode(bytes(lab) + b"/x" + name))).write_bytes(b"bad")
    report = import_folder(lab, dataset)
    assert len(report.added) == len(names) + 2
    assert len(report.failed) == len(names)
    for _, message in report.failed:
        check_message(message)
    Path(os.fsdecode(bytes(lab) + b"/\xff.tif")).write_bytes(corpus.GOOD_TIFF["plain"])
    assert len(import_folder(lab, dataset).failed) == len(names) + 1
    assert KymDataset(dataset).update_index(IMAGES).updated == len(names) + 2
    assert len(import_folder(lab, dataset).skipped) == len(names) + 2


ODD_SOURCES: dict[str, object] = {
    "a number": 3,
    "a list of files": [],
    "no root": {"path": "aa.tif", "files": [{"path": "aa.tif"}]},
    "root as a list": {"root": [], "path": [], "files": [{"path": "aa.tif", "sha256": []}]},
    "files as a number": {"root": "x", "path": "y", "files": 5},
    "files of numbers": {"root": "x", "path": "y", "files": [5]},
    "no content": {"root": "x", "path": "y", "files": [{}]},
}


@pytest.mark.parametrize("name", ODD_SOURCES)
def test_an_odd_record_of_sources_stops_no_import(
    dataset: ZarrDataset, lab: Path, fill: Fill, name: str
) -> None:
    fill(dataset, {"odd": 0})
    dataset.record("odd").save_metadata_payload({"source": ODD_SOURCES[name]})
    assert len(import_folder(lab, dataset).added) == 2


ODD_FILES: dict[str, object] = {
    "a file without sizes": [{"path": "aa.tif", "sha256": "x"}, {"path": "aa.txt"}],
    "sizes as texts": [{"path": "aa.tif", "size": "x", "mtime_ns": [], "sha256": 5}],
    "a path as a list": [{"path": []}],
}


@pytest.mark.parametrize("name", ODD_FILES)
def test_an_odd_record_of_this_image_counts_as_changed(
    dataset: ZarrDataset, lab: Path, name: str
) -> None:
    [image_id, _] = dict(import_folder(lab, dataset).added).values()
    payload = dataset.record(image_id).load_metadata_payload()
    payload["source"]["files"] = ODD_FILES[name]
    dataset.record(image_id).save_metadata_payload(payload)
    assert import_folder(lab, dataset).changed == ["aa.tif"]
    report = import_folder(lab, dataset, changed=True)
    assert report.updated == [("aa.tif", image_id)]
    assert import_folder(lab, dataset).skipped == ["aa.tif", "zz.tif"]


@pytest.mark.parametrize("artifacts", [["../../precious"], 5, [5], ["/precious"], ["a/../../../x"]])
def test_what_an_image_says_it_got_from_its_files_is_never_deleted_by_that_name(
    dataset: ZarrDataset, lab: Path, artifacts: object
) -> None:
    precious = dataset.path / "images" / "precious"
    [image_id, _] = dict(import_folder(lab, dataset).added).values()
    precious.write_text("x")
    payload = dataset.record(image_id).load_metadata_payload()
    payload["source"]["artifacts"] = artifacts
    dataset.record(image_id).save_metadata_payload(payload)
    dataset.record(image_id).save_json("mine", 1)
    (lab / "aa.json").write_text("{}")
    report = import_folder(lab, dataset, changed=True)
    assert precious.exists()
    assert report.updated == [("aa.tif", image_id)]
    assert dataset.record(image_id).load_json("mine") == 1
    assert leftovers(dataset) == []


def test_links_among_an_images_artifacts_outlive_its_import_as_links(
    dataset: ZarrDataset, lab: Path, tmp_path: Path
) -> None:
    [image_id, _] = dict(import_folder(lab, dataset).added).values()
    (tmp_path / "big").mkdir()
    link = dataset.record(image_id).path / "analysis" / "elsewhere"
    link.symlink_to(tmp_path / "big")
    (lab / "aa.json").write_text("{}")
    assert import_folder(lab, dataset, changed=True).updated == [("aa.tif", image_id)]
    assert link.is_symlink()


def test_an_artifact_of_too_many_values_fails_its_image_alone(
    dataset: ZarrDataset, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "MAX_CELLS", 100)
    monkeypatch.setattr(parquet, "MAX_VALUES", 100)
    fill(dataset, {**GOOD, "b": 60, "c": 20})
    report = KymDataset(dataset).update_index(EVENTS, on_error="record")
    check_failures(report, {"b": ""})
    assert "values, more than the 100 that are read" in report.failures[0].message
    assert report.rows == 23


LIMIT_MB = 900
# On Linux ru_maxrss begins with what the parent held; VmHWM is this process's own.
BOMB_CHILD = """
import re, resource, sys
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.indexers import bulk
from kymflow.core.lab_folder import import_folder
from kymflow_zarr import ZarrDataset

dataset, lab = ZarrDataset(sys.argv[1], mode="a"), Path(sys.argv[2])
kym = KymDataset(dataset)
failed = [path for path, _ in import_folder(lab, dataset).failed]
for indexer in (VelocityEventIndexer(), ImageIndexer()):
    report = kym.update_index(indexer, on_error="record")
    failed += [failure.image_id for failure in report.failures]
print(*failed)
status = Path("/proc/self/status")
peak = re.search(r"VmHWM:\\s*([0-9]+)", status.read_text()) if status.exists() else None
kib = int(peak[1]) if peak else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(kib // 1024)
"""


def gzip_bomb(mebibytes: int) -> bytes:
    """Return gzip data that unpacks to so much: members stand one after another."""
    return gzip.compress(b"[" * (1 << 20)) * mebibytes


@pytest.mark.long
@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is told in other units")
def test_files_that_unpack_to_far_more_do_not_fill_memory(
    dataset: ZarrDataset, fill: Fill, lab: Path
) -> None:
    fill(dataset, dict.fromkeys(("good", "csv", "json", "metadata", "long"), 0))
    places = {
        "csv": ("velocity_events/events.csv.gz", ROWS, gzip_bomb(4000)),
        "json": (f"{PARAMS}.gz", PARAMS, gzip_bomb(4000)),
        "metadata": ("metadata.json.gz", None, gzip_bomb(4000)),
        "long": (PARAMS, None, b'{"a": "' + b"x" * (100 << 20) + b'"}'),
    }
    for image_id, (artifact, replaced, data) in places.items():
        folder = dataset.record(image_id).path / "analysis"
        if replaced:
            (folder / replaced).unlink()
        (folder / artifact).write_bytes(data)
    (lab / "bomb.tif").write_bytes(corpus.deflate_bomb(2 << 30))
    (lab / "claim.tif").write_bytes(corpus.TIFF["4 billion lines"])
    answer = subprocess.run(
        [sys.executable, "-c", BOMB_CHILD, str(dataset.path), str(lab)],
        capture_output=True,
        text=True,
        check=True,
    )
    failed, peak = answer.stdout.splitlines()
    assert sorted(failed.split()) == ["bomb.tif", "claim.tif", "csv", "json", "long", "metadata"]
    assert int(peak) < LIMIT_MB


def command_lines(dataset: str, folder: str) -> list[list[str]]:
    """Return command lines that are asked well in form, and of what is not there or not allowed."""
    odd = ["nowhere", folder, f"{folder}/aa.tif", "x" * 300, "\udcff.zarr", "a\nb.zarr"]
    index = ["index", dataset, "velocity_events"]
    return [
        *(["tables", path] for path in odd),
        *(["index", path] for path in odd),
        *(["import", path, "new.zarr"] for path in odd if path != folder),
        ["import", folder, f"{folder}/aa.tif"],
        ["import", folder, folder],
        *([*index, "--images", image_id] for image_id in ("../a", "..", "no", "x" * 300, "\udcff")),
        *([*index, "--where", sql] for sql in ("", "'", "1; DROP TABLE x", "nosuch = 1")),
        [*index, "--workers", "0"],
        ["index", dataset, "nosuch"],
        ["index", dataset, "../images"],
        *(["status", dataset, "--explain", image_id] for image_id in ("no", "../a", "a\nb")),
        *(
            ["sql", dataset, sql]
            for sql in (
                "",
                ";",
                "'",
                "SELECT",
                "SELECT nosuch",
                "FROM nosuch",
                "DROP TABLE x",
                "\x1b",
            )
        ),
        *(["sql", dataset, "SELECT 1", "-o", path] for path in (folder, "x" * 300)),
    ]


def test_the_command_refuses_in_words(
    dataset: ZarrDataset,
    fill: Fill,
    lab: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    fill(dataset, GOOD)
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    [command] = entry_points(group="console_scripts", name="kymflow")
    run = command.load()
    for words in command_lines(str(dataset.path), str(lab)):
        monkeypatch.setattr(sys, "argv", ["kymflow", *words])
        with pytest.raises(SystemExit) as end:
            run()
        said = capfd.readouterr()
        assert end.value.code in (1, 2), (words, said)
        assert "Traceback" not in said.err, words
        check_message(said.err.splitlines()[-1])
