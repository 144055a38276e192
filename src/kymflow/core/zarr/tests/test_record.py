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
    InvalidArrayError,
    MetadataNotFoundError,
    UsageError,
    ZarrDataset,
    ZarrImageRecord,
)
from kymflow_zarr.images.pixels import default_chunks

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


@pytest.mark.parametrize(
    ("pixels", "how", "message"),
    [
        (np.zeros((2, 2), "U1"), {}, "pixels of dtype <U1 can't be stored"),
        (np.zeros(3), {}, "1 dimensions; pass 2 to 5"),
        (np.zeros((0, 3)), {}, r"shape \(0, 3\) are empty"),
        (np.zeros((2, 2)), {"axes": "x"}, r"axes \['x'\] don't name 2"),
        (np.zeros((2, 2)), {"axes": "xx"}, r"axes \['x', 'x'\] don't name 2"),
        (np.zeros((2, 2)), {"chunks": (1,)}, r"chunks \(1,\) don't fit .* \(2, 2\)"),
        (np.zeros((2, 2)), {"chunks": (0, 2)}, r"chunks \(0, 2\) don't fit"),
    ],
)
def test_pixels_that_can_not_be_stored_are_refused(
    dataset: ZarrDataset, pixels: np.ndarray, how: dict[str, object], message: str
) -> None:
    with pytest.raises(InvalidArrayError, match=message):
        dataset.add_image(pixels, image_id="odd", **how)
    assert dataset.list_image_ids() == []


@pytest.mark.parametrize(
    ("shape", "itemsize", "chunks"),
    [
        ((8, 4), 2, (8, 4)),
        ((30_000, 38), 2, (13_797, 38)),
        ((4, 1 << 21), 1, (1, 1 << 20)),  # one line alone is too large
        ((3, 5, 1 << 20), 1, (1, 1, 1 << 20)),
    ],
)
def test_chunks_hold_a_mebibyte_cut_along_the_leading_axes(
    shape: tuple[int, ...], itemsize: int, chunks: tuple[int, ...]
) -> None:
    assert default_chunks(shape, itemsize) == chunks


def test_chunks_may_be_chosen(dataset: ZarrDataset) -> None:
    pixels = np.arange(12, dtype=np.int16).reshape(4, 3)
    record = dataset.add_image(pixels, chunks=(3, 9))
    assert record.open_array().chunks == (3, 3)
    np.testing.assert_array_equal(record.load_array(), pixels)


def test_axes_that_are_not_stored_are_the_usual_ones(record: ZarrImageRecord) -> None:
    (record.path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
    assert record.get_axes() == ["z", "y", "x"]


@pytest.mark.parametrize(
    ("axes", "message"),
    [('"zyx"', "axes are 'zyx'"), ("[1, 2, 3]", "axes are"), ('["y", "x"]', "don't fit its shape")],
)
def test_axes_that_are_none_are_said(record: ZarrImageRecord, axes: str, message: str) -> None:
    (record.path / "zarr.json").write_text(
        f'{{"zarr_format": 3, "node_type": "group", "attributes": {{"axes": {axes}}}}}'
    )
    with pytest.raises(ArtifactSchemaError, match=message):
        record.get_image_bounds()


def test_a_damaged_chunk_is_said(dataset: ZarrDataset) -> None:
    record = dataset.add_image(np.ones((8, 4), np.uint8))
    [chunk] = (path for path in (record.path / "data" / "c").rglob("*") if path.is_file())
    chunk.write_bytes(b"not zstd")
    with pytest.raises(ArtifactUnreadableError, match="a chunk of its array can't be read"):
        record.load_array()


def test_an_image_without_pixels_says_so(dataset: ZarrDataset) -> None:
    with dataset.stage_image("bare") as staged:
        staged.save_json("x", {})
    with pytest.raises(ArtifactNotFoundError, match="it has no data"):
        dataset.record("bare").load_array()
