from __future__ import annotations

import gzip

import numpy as np
import polars as pl
import pytest

from kymflow_zarr import (
    ArtifactNotFoundError,
    ArtifactSchemaError,
    ArtifactUnreadableError,
    ImageNotFoundError,
    MetadataNotFoundError,
    UsageError,
    ZarrDataset,
    ZarrImageRecord,
)

FRAME = pl.DataFrame({"roi_id": [1, 2], "note": ["a", None]})


@pytest.fixture
def record(dataset: ZarrDataset) -> ZarrImageRecord:
    return dataset.add_image(np.zeros((3, 8, 4), np.uint8), image_id="one")


def test_making_a_handle_reads_nothing(dataset: ZarrDataset) -> None:
    ghost = dataset.record("ghost")
    assert not ghost.exists()
    for read in (ghost.load_array, lambda: ghost.load_json("a"), ghost.load_metadata_payload):
        with pytest.raises(ImageNotFoundError):
            read()
    with pytest.raises(ImageNotFoundError):
        ghost.save_json("a", 1)


def test_artifacts_read_back(record: ZarrImageRecord) -> None:
    record.save_json("a/params", {"µ": [1.5, None]})
    record.save_df_parquet("a/rows", FRAME)
    record.save_df_csv_gz("b", FRAME.to_arrow())
    assert record.load_json("a/params") == {"µ": [1.5, None]}
    assert record.load_df_parquet("a/rows").equals(FRAME)
    assert record.load_df_csv_gz("b").equals(FRAME)
    assert record.list_analysis_keys() == ["a/params.json", "a/rows.parquet", "b.csv.gz"]
    assert record.delete_analysis(suffixes=(".json",)) == 1
    assert record.delete_analysis() == 2
    assert record.list_analysis_keys() == []


def test_array_artifacts_read_back(record: ZarrImageRecord) -> None:
    record.save_array_artifact("radon/angles", np.eye(3))
    np.testing.assert_array_equal(record.load_array_artifact("radon/angles"), np.eye(3))
    assert record.list_array_artifacts() == ["radon/angles"]
    with pytest.raises(ArtifactNotFoundError):
        record.load_array_artifact("other")


def test_gzipped_json_of_older_datasets_is_read(record: ZarrImageRecord) -> None:
    path = record.artifact_path("old", ".json.gz")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(b'{"a": 1}'))
    assert record.load_json("old") == {"a": 1}


def test_metadata_has_its_own_error(record: ZarrImageRecord) -> None:
    with pytest.raises(MetadataNotFoundError):
        record.load_metadata_payload()
    record.save_metadata_payload({"version": "2.0"})
    assert record.load_metadata_payload() == {"version": "2.0"}
    record.save_json("metadata", [1])
    with pytest.raises(ArtifactSchemaError):
        record.load_metadata_payload()


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        (".json", b"{"),
        (".json", b"\xff\xfe"),
        (".json", b"[" * 100_000),
        (".json.gz", b"not gzip"),
        (".json.gz", gzip.compress(b"{}", mtime=0)[:-4]),
        (".parquet", b"PAR1"),
        (".parquet", b""),
        (".csv.gz", b"not gzip"),
    ],
)
def test_damage_is_a_typed_error_that_says_where(
    record: ZarrImageRecord, suffix: str, data: bytes
) -> None:
    path = record.artifact_path("x", suffix)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    load = {".parquet": record.load_df_parquet, ".csv.gz": record.load_df_csv_gz}
    with pytest.raises(ArtifactUnreadableError) as caught:
        load.get(suffix, record.load_json)("x")
    assert (caught.value.image_id, caught.value.artifact) == ("one", "x")
    assert path.name in caught.value.message


def test_what_json_can_not_hold_is_refused_before_writing(record: ZarrImageRecord) -> None:
    for value in (float("nan"), {1, 2}, np.float32(1)):
        with pytest.raises(UsageError, match="no JSON form"):
            record.save_json("x", value)
    assert record.list_analysis_keys() == []


def test_bounds_come_from_the_axes(record: ZarrImageRecord) -> None:
    assert record.get_axes() == ["z", "y", "x"]
    assert record.get_image_bounds() == {"width": 4, "height": 8, "num_slices": 3}


def test_a_kymograph_is_one_file_of_several_chunks(dataset: ZarrDataset) -> None:
    pixels = np.random.default_rng(0).integers(0, 4096, (30_000, 38), np.uint16)
    record = dataset.add_image(pixels, axes=["t", "x"])
    array = record.open_array()
    assert array.chunks[1] == 38
    assert array.chunks[0] < 30_000
    files = [p for p in (record.path / "data").rglob("*") if p.is_file()]
    assert len(files) == 2
    np.testing.assert_array_equal(record.load_array(), pixels)
