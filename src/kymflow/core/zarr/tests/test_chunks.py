"""Chunks unpack to what they should and no more, by codecs that do nothing else."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numcodecs
import numpy as np
import polars as pl
import pyarrow as pa
import pytest
import zarr

from kymflow_zarr import ArtifactUnreadableError, ZarrDataset
from kymflow_zarr.images.chunks import open_bounded
from kymflow_zarr.images.unpacking import check_unpacks
from kymflow_zarr.store import codecs, parquet

PIXELS = np.random.default_rng(0).integers(0, 1000, (60, 40)).astype(np.uint16)
V2 = {
    "zstd": numcodecs.Zstd(),
    "blosc": numcodecs.Blosc(),
    "gzip": numcodecs.GZip(),
    "zlib": numcodecs.Zlib(),
    "lz4": numcodecs.LZ4(),
    "bz2": numcodecs.BZ2(),
    "lzma": numcodecs.LZMA(),
}
V3 = {
    "zstd": zarr.codecs.ZstdCodec(),
    "gzip": zarr.codecs.GzipCodec(),
    "blosc": zarr.codecs.BloscCodec(),
}
CASES = [*((2, name) for name in V2), *((3, name) for name in V3), (2, None), (3, None)]


def made(path: Path, zarr_format: int, codec: str | None) -> Path:
    packed = None if codec is None else (V2 if zarr_format == 2 else V3)[codec]
    array = zarr.create_array(
        str(path),
        shape=PIXELS.shape,
        dtype=PIXELS.dtype,
        chunks=(20, 40),
        zarr_format=zarr_format,
        compressors=packed,
    )
    array[...] = PIXELS
    return path


@pytest.mark.parametrize(("zarr_format", "codec"), CASES)
def test_good_chunks_are_read(tmp_path: Path, zarr_format: int, codec: str | None) -> None:
    assert (open_bounded(made(tmp_path / "a", zarr_format, codec))[...] == PIXELS).all()


@pytest.mark.wide
@pytest.mark.parametrize(("zarr_format", "codec"), [case for case in CASES if case[1]])
def test_a_chunk_that_is_larger_than_it_should_be_is_refused(
    tmp_path: Path, zarr_format: int, codec: str
) -> None:
    path = made(tmp_path / "a", zarr_format, codec)
    chunk = path / ("c/0/0" if zarr_format == 3 else "0.0")
    chunk.write_bytes(V2[codec].encode(bytes(50 << 20)))
    with pytest.raises(ValueError, match="unpacks to more than its 1,600 bytes"):
        open_bounded(path)[...]


def test_a_chunk_within_a_shard_is_bounded_too(tmp_path: Path) -> None:
    size = 20 << 20
    array = zarr.create_array(
        str(tmp_path / "a"), shape=(2 * size,), dtype="uint8", chunks=(size,), shards=(2 * size,)
    )
    array[...] = 1
    text = (tmp_path / "a" / "zarr.json").read_text()
    (tmp_path / "a" / "zarr.json").write_text(
        text.replace(str(2 * size), "8").replace(str(size), "4")
    )
    with pytest.raises(ValueError, match="unpacks to more than its 4 bytes"):
        open_bounded(tmp_path / "a")[...]


def test_members_in_a_row_count_together() -> None:
    for codec in ("gzip", "zlib", "bz2"):
        with pytest.raises(ValueError, match="more than"):
            check_unpacks(codec, V2[codec].encode(bytes(1000)) * 100, 2000)
        check_unpacks(codec, V2[codec].encode(bytes(1000)), 2000)


def test_a_frame_that_does_not_tell_its_size_is_bounded() -> None:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(bytes(50 << 20))
    packed = sink.getvalue().to_pybytes()
    with pytest.raises(ValueError, match="more than"):
        check_unpacks("zstd", packed, 1 << 20)
    check_unpacks("zstd", packed, 50 << 20)


class Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("touched"),)  # type: ignore[return-value]


@pytest.mark.parametrize("place", ["compressor", "filters"])
def test_a_codec_that_runs_programs_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = made(tmp_path / "a", 2, None)
    header = json.loads((path / ".zarray").read_text())
    evil = {"id": "pickle"}
    header[place] = [evil] if place == "filters" else evil
    (path / ".zarray").write_text(json.dumps(header))
    (path / "0.0").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(ValueError, match="'pickle'"):
        open_bounded(path)
    assert not (tmp_path / "touched").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [10**9, 10**9]},
        {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [10**8, 10**8]}}},
        {"codecs": [{"name": "numcodecs.pickle"}]},
        {"codecs": [{"name": "vlen-utf8"}]},
        {"data_type": "string"},
    ],
    ids=str,
)
def test_an_array_that_claims_too_much_is_an_error(dataset: ZarrDataset, change: dict) -> None:
    record = dataset.add_image(PIXELS, image_id="a")
    header = record.path / "data" / "zarr.json"
    header.write_text(json.dumps({**json.loads(header.read_text()), **change}))
    with pytest.raises(ArtifactUnreadableError):
        record.load_array()


CSV = {
    "columns of nulls": ",".join(f"c{n}" for n in range(19_990)) + "\n" + ("x\n" * 3_000),
    "rows of commas": "a,b\n" + (",\n" * 30_000_000),
}


@pytest.mark.parametrize("kind", CSV)
def test_csv_of_too_many_cells_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="cells, more than the 50,000,000"):
        codecs.decode_csv(CSV[kind].encode())


PARQUET = {
    "a list": pl.DataFrame({"x": [[0] * 1000]}),
    "rows": pl.DataFrame({"x": ["same"] * 1000}),
    "columns": pl.DataFrame({f"x{n}": [1] * 10 for n in range(100)}),
}


@pytest.mark.parametrize("kind", PARQUET)
def test_parquet_of_too_many_values_is_refused(
    dataset: ZarrDataset, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = dataset.add_image(PIXELS, image_id="a")
    record.save_df_parquet("x", PARQUET[kind])
    monkeypatch.setattr(parquet, "MAX_VALUES", 999)
    with pytest.raises(ArtifactUnreadableError, match="1,000 values, more than the 999"):
        record.load_df_parquet("x")


def test_one_long_text_many_times_is_too_much(
    dataset: ZarrDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = dataset.add_image(PIXELS, image_id="a")
    record.save_df_parquet("x", pl.DataFrame({"x": ["x" * 100_000] * 1000}))
    assert record.artifact_path("x", ".parquet").stat().st_size < 100_000
    monkeypatch.setattr(parquet, "MAX_TEXT", 99_000_000)
    with pytest.raises(ArtifactUnreadableError, match="100,000,000 bytes of text"):
        record.load_df_parquet("x")
