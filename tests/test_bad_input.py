"""Bad input is a typed, one-line error that names the file, and stops nothing but its image."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping

import pytest

from kymflow.core.kym_dataset import ImageIndexer, KymDataset, UpdateReport, VelocityEventIndexer
from kymflow_zarr import ArtifactError, DatasetError, ZarrDataset, ZarrImageRecord
from tests import corpus

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
    """Return what a write that failed may have left in the dataset."""
    found = [*dataset.path.rglob(".staged-*"), *dataset.path.rglob("*.tmp")]
    found += (dataset.path / "index" / "staging").glob("*/*")
    return [path.name for path in found]


PARAMS = "velocity_events/params.json"
ROWS = "velocity_events/events.parquet"


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
        ZarrDataset(dataset.path)
    check_message(raised.value)
