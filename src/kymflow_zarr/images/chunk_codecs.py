"""Zarr's codecs that unpack bytes, each as one that looks before at what it would unpack."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec

from kymflow_zarr.images.unpacking import check_unpacks

if TYPE_CHECKING:
    from zarr.core.array_spec import ArraySpec


def _check(codec: str, chunk: Any, spec: ArraySpec) -> None:
    room = spec.dtype.to_native_dtype().itemsize
    for size in spec.shape:
        room *= size
    check_unpacks(codec, chunk.to_bytes(), room)


class BoundedZstd(ZstdCodec):
    """Zstandard."""

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: ArraySpec) -> Any:
        _check("zstd", chunk_bytes, chunk_spec)
        return await super()._decode_single(chunk_bytes, chunk_spec)


class BoundedGzip(GzipCodec):
    """Gzip."""

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: ArraySpec) -> Any:
        _check("gzip", chunk_bytes, chunk_spec)
        return await super()._decode_single(chunk_bytes, chunk_spec)


class BoundedBlosc(BloscCodec):
    """Blosc."""

    async def _decode_single(self, chunk_bytes: Any, chunk_spec: ArraySpec) -> Any:
        _check("blosc", chunk_bytes, chunk_spec)
        return await super()._decode_single(chunk_bytes, chunk_spec)


BOUNDED = {"zstd": BoundedZstd, "gzip": BoundedGzip, "blosc": BoundedBlosc}
