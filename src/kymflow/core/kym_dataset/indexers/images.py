"""One row an image, with what a query wants to group by: table ``kym_images``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from kymflow.core.artifacts.conform import conform
from kymflow.core.kym_dataset.indexers.artifact import ArtifactIndexer, Blob
from kymflow.core.kym_dataset.indexers.base import ExtractedBatch
from kymflow.core.kym_dataset.schemas import PROVENANCE
from kymflow_zarr.errors import (
    ArtifactError,
    ArtifactSchemaError,
    ArtifactUnreadableError,
    UsageError,
)
from kymflow_zarr.frames import check_column_names
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store.codecs import decode_object

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord

EXPERIMENT_TEXT = (
    "species",
    "region",
    "cell_type",
    "direction",
    "sex",
    "genotype",
    "condition",
    "condition2",
    "treatment",
    "treatment2",
    "date",
    "note",
)
FOLDERS = 3
_INT64 = 1 << 63
_EPOCH = datetime(1970, 1, 1)


class ImageIndexer(ArtifactIndexer):
    """Index the metadata of each image.

    Its params are the image's metadata payload (``metadata``), so that editing one image's
    metadata makes that image stale and no other. An image without metadata has a row too, with
    what its pixels tell.

    Columns: ``root`` (the imported folder), ``source_path`` (relative to it), ``folder`` and its
    parts ``folder_1`` … ``folder_3`` from the outside in; ``acquired_at`` (local time); ``shape``,
    ``dtype``, ``n_lines`` and ``n_pixels`` (axes 0 and 1), ``seconds_per_line`` (s),
    ``um_per_pixel`` (µm), ``duration_s``; every field of the experiment metadata (``depth`` and
    ``branch_order`` as numbers, null where they are not; empty text becomes null); ``n_rois``;
    ``accepted``.
    """

    name = "images"
    version: ClassVar[str] = "kymflow.images@0.2"
    params_artifact: ClassVar[str] = "metadata"
    schema: ClassVar[Mapping[str, pl.DataType]] = {
        "root": pl.String(),
        "source_path": pl.String(),
        "folder": pl.String(),
        **{f"folder_{depth}": pl.String() for depth in range(1, FOLDERS + 1)},
        "acquired_at": pl.Datetime("us"),
        "shape": pl.List(pl.Int64()),
        "dtype": pl.String(),
        "n_lines": pl.Int64(),
        "n_pixels": pl.Int64(),
        "seconds_per_line": pl.Float64(),
        "um_per_pixel": pl.Float64(),
        "duration_s": pl.Float64(),
        "depth": pl.Float64(),
        "branch_order": pl.Int64(),
        **{name: pl.String() for name in EXPERIMENT_TEXT},
        "n_rois": pl.Int64(),
        "accepted": pl.Boolean(),
    }

    def extract_batch(self, dataset: ZarrDataset, image_ids: Sequence[str]) -> ExtractedBatch:
        """Return a row for each of many images."""
        array = "data/zarr.json" if dataset.zarr_format == 3 else "data/.zarray"
        pixels = dataset.get_many(f"images/{image_id}/{array}" for image_id in image_ids)
        blobs = self._blobs(dataset, image_ids)
        rows: list[dict[str, Any]] = []
        errors: dict[str, Exception] = {}
        for image_id, blob, array_blob in zip(image_ids, blobs, pixels, strict=True):
            rec = dataset.record(image_id)
            try:
                metadata = self._params_of(rec, blob) or {}
                row = {"image_id": image_id, **self._row(rec, metadata, array_blob)}
                check_column_names(list(row))
            except ArtifactError as error:
                errors[image_id] = error
            except (UsageError, RecursionError) as error:
                errors[image_id] = self._bad_params(rec, first_line(error))
            else:
                rows.append(row)
        names = dict.fromkeys(name for row in rows for name in row)
        frame = pl.DataFrame(
            rows, schema={name: self._whole_schema.get(name, pl.String()) for name in names}
        )
        return ExtractedBatch(conform(frame, self._whole_schema, {}), errors)

    def _row(
        self, rec: ZarrImageRecord, metadata: Mapping[str, Any], array_blob: Blob
    ) -> dict[str, Any]:
        header = _section(rec, metadata, "header")
        experiment = _section(rec, metadata, "experiment_metadata")
        source = _section(rec, metadata, "source")
        array = _array_header(rec, array_blob)
        rois = metadata.get("rois")
        accepted = metadata.get("accepted")
        return {
            **_source(source),
            "acquired_at": _local_time(header.get("acquired_local_epoch_ns")),
            **_geometry(header, array),
            **dict(_experiment(experiment, taken=self.schema)),
            "n_rois": len(rois) if isinstance(rois, list) else None,
            "accepted": accepted if isinstance(accepted, bool) else None,
        }


def _section(rec: ZarrImageRecord, metadata: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = metadata.get(name) or {}
    if isinstance(section, dict):
        return section
    raise ArtifactSchemaError(
        f"{name!r} is a {type(section).__name__}, not an object; repair the metadata",
        dataset=str(rec.dataset.path),
        image_id=rec.image_id,
        artifact="metadata",
    )


def _array_header(rec: ZarrImageRecord, blob: Blob) -> Mapping[str, Any]:
    """Return the pixel array's Zarr metadata; empty where the image has no pixels."""
    if blob is None:
        return {}
    try:
        if isinstance(blob, Exception):
            raise blob
        header = decode_object(blob)
        if _sizes(header.get("shape")) is None:
            raise ValueError("it holds no shape")
    except (OSError, ValueError) as error:
        raise ArtifactUnreadableError(
            f"the pixel array's Zarr metadata can't be read: {first_line(error)}; import the image "
            f"again",
            dataset=str(rec.dataset.path),
            image_id=rec.image_id,
            artifact="data",
        ) from error
    return header


def _source(source: Mapping[str, Any]) -> dict[str, Any]:
    root, path = source.get("root"), source.get("path")
    if not isinstance(path, str):
        return {}
    folders = path.split("/")[:-1]
    deep = {f"folder_{depth}": name for depth, name in enumerate(folders[:FOLDERS], start=1)}
    named = {"root": root} if isinstance(root, str) else {}
    return {**named, "source_path": path, "folder": "/".join(folders), **deep}


def _geometry(header: Mapping[str, Any], array: Mapping[str, Any]) -> dict[str, Any]:
    sizes = _sizes(array.get("shape")) or _sizes(header.get("shape")) or []
    voxels = header.get("voxels")
    steps = [_number(v) for v in voxels] if isinstance(voxels, list) else []
    lines, per_line = _at(sizes, 0), _at(steps, 0)
    dtype = array.get("data_type", array.get("dtype"))
    return {
        "shape": sizes or None,
        "dtype": _dtype_name(dtype) if isinstance(dtype, str) else None,
        "n_lines": lines,
        "n_pixels": _at(sizes, 1),
        "seconds_per_line": per_line,
        "um_per_pixel": _at(steps, 1),
        "duration_s": lines * per_line if lines and per_line else None,
    }


def _experiment(
    experiment: Mapping[str, Any], taken: Mapping[str, pl.DataType]
) -> Iterator[tuple[str, Any]]:
    """Yield the experiment's fields; one whose name is taken gets a prefix."""
    for field, value in experiment.items():
        name = field.strip().lower()
        if name == "depth":
            yield name, _number(value)
        elif name == "branch_order":
            number = _number(value)
            whole = number is not None and number % 1 == 0 and abs(number) < _INT64
            yield name, int(number) if number is not None and whole else None
        elif name:
            clash = name not in EXPERIMENT_TEXT and name in {*taken, *PROVENANCE}
            yield f"experiment_{name}" if clash else name, _text(value)


def _sizes(value: object) -> list[int] | None:
    """Return the sizes of an array's axes; None where the value is none."""
    if not isinstance(value, list):
        return None
    sizes = [size for size in value if type(size) is int and 0 <= size < _INT64]
    return sizes if len(sizes) == len(value) else None


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _local_time(epoch_ns: object) -> datetime | None:
    if isinstance(epoch_ns, bool) or not isinstance(epoch_ns, int):
        return None
    try:
        return _EPOCH + timedelta(microseconds=epoch_ns // 1000)
    except OverflowError:
        return None


def _dtype_name(dtype: str) -> str:
    """Return the name of a dtype, from Zarr v3's ``uint16`` or v2's ``<u2``."""
    kinds = {"u": "uint", "i": "int", "f": "float", "c": "complex", "b": "bool"}
    code = dtype.lstrip("<>|=")
    if code[:1] in kinds and code[1:].isdigit():
        return "bool" if code[0] == "b" else f"{kinds[code[0]]}{8 * int(code[1:])}"
    return dtype


def _at(items: Sequence[Any], place: int) -> Any:
    return items[place] if place < len(items) else None
