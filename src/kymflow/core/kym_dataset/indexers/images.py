"""One row per image, with what a query wants to group by: table ``kym_images``."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from kymflow.core.artifacts.conform import conform
from kymflow.core.artifacts.metadata import section
from kymflow.core.artifacts.scale import stored_scale
from kymflow.core.kym_dataset.indexers.artifact import ArtifactIndexer, Blob
from kymflow.core.kym_dataset.indexers.base import DueImages, ExtractedBatch, WatchedFiles
from kymflow.core.kym_dataset.schemas import PROVENANCE
from kymflow.core.quantities import as_whole, parse_quantity
from kymflow_zarr import ZarrImageRecord
from kymflow_zarr.errors import (
    ArtifactError,
    ArtifactUnreadableError,
    UsageError,
)
from kymflow_zarr.frames import check_column_names
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store.codecs import decode_object
from kymflow_zarr.store.stamps import content_hash

if TYPE_CHECKING:
    from kymflow_zarr.store.store import Store

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
OWN_FIELDS = (*EXPERIMENT_TEXT, "depth", "branch_order")
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
    ``um_per_pixel`` (µm), ``scale_source`` (where these two come from), ``duration_s``; every field
    of the experiment metadata (``depth`` in µm and ``branch_order`` as numbers, null where they are
    not; empty text becomes null); ``n_rois``; ``accepted``; ``import_notes`` (what the image's
    files leave open or contradict).

    Fields whose names differ by case or blanks only have a column each: the plain name goes to one
    that holds a value, to the one spelled so before others; the next are ``NAME_2``, ``NAME_3`` …
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
        "scale_source": pl.String(),
        "duration_s": pl.Float64(),
        "depth": pl.Float64(),
        "branch_order": pl.Int64(),
        **{name: pl.String() for name in EXPERIMENT_TEXT},
        "n_rois": pl.Int64(),
        "accepted": pl.Boolean(),
        "import_notes": pl.String(),
    }

    def watched_files(self, store: Store) -> WatchedFiles:
        """Name the metadata file and the header of the pixels."""
        header = "data/zarr.json" if store.zarr_format == 3 else "data/.zarray"
        return WatchedFiles(super().watched_files(store).params, (header,))

    def extract_batch(self, dataset: Store, image_ids: Sequence[str]) -> ExtractedBatch:
        """Return a row for each of many images."""
        [array] = self.watched_files(dataset).rows
        contents: dict[str, bytes] = {}
        pixels = dataset.get_many(f"images/{image_id}/{array}" for image_id in image_ids)
        due = DueImages.of(image_ids)
        unread = [image_id for image_id in due if due.params_text(image_id) is None]
        blobs = dict(zip(unread, self.read_blobs(dataset, unread), strict=True))
        rows: list[dict[str, Any]] = []
        texts: dict[str, str] = {}
        checked: set[tuple[str, ...]] = set()
        errors: dict[str, Exception] = {}
        for image_id, array_blob in zip(image_ids, pixels, strict=True):
            rec = ZarrImageRecord(dataset, image_id)
            text = due.params_text(image_id)
            if isinstance(array_blob, bytes):
                contents[image_id] = content_hash(array_blob)
            try:
                if text:
                    params = json.loads(text)
                else:
                    blob = blobs[image_id]
                    params = self._params_of(rec, blob)
                    texts[image_id] = self._canonical(rec, params, parsed=blob is not None)
                metadata = params or {}
                row = {"image_id": image_id, **self._row(rec, metadata, array_blob)}
                if (columns := tuple(row)) not in checked:
                    check_column_names(columns)
                    checked.add(columns)
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
        return ExtractedBatch(conform(frame, self._whole_schema, {}), errors, contents, texts)

    def _row(
        self, rec: ZarrImageRecord, metadata: Mapping[str, Any], array_blob: Blob
    ) -> dict[str, Any]:
        header = section(rec, metadata, "header")
        experiment = section(rec, metadata, "experiment_metadata")
        source = section(rec, metadata, "source")
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
            "import_notes": _notes(metadata.get("import_notes")),
        }


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
    lines = _at(sizes, 0)
    scale = stored_scale(header, sizes)
    per_line = scale.seconds_per_line
    dtype = array.get("data_type", array.get("dtype"))
    return {
        "shape": sizes or None,
        "dtype": _dtype_name(dtype) if isinstance(dtype, str) else None,
        "n_lines": lines,
        "n_pixels": _at(sizes, 1),
        "seconds_per_line": per_line,
        "um_per_pixel": scale.um_per_pixel,
        "scale_source": _scale_source(header.get("scale_source")),
        "duration_s": lines * per_line if lines and per_line else None,
    }


def _scale_source(sources: object) -> str | None:
    """Return where the scale comes from: one source, or one for each figure."""
    if not isinstance(sources, dict) or not sources:
        return None
    if len(set(map(str, sources.values()))) == 1:
        return str(next(iter(sources.values())))
    return ", ".join(f"{figure}: {source}" for figure, source in sources.items())


def _notes(notes: object) -> str | None:
    return "; ".join(map(str, notes)) or None if isinstance(notes, list) else None


def _experiment(
    experiment: Mapping[str, Any], taken: Mapping[str, pl.DataType]
) -> Iterator[tuple[str, Any]]:
    """Yield the experiment's fields, sorted, so that equal params make equal rows.

    A field whose name is taken by another column gets a prefix. Fields that differ by case or
    blanks only get numbers, so that SQL can tell them apart.
    """
    alike = _alike(tuple(sorted(experiment)), tuple(taken))
    names = set(alike)
    for name, found in alike.items():
        if len(found) == 1 and name:
            yield name, _typed(name, experiment[found[0]])
            continue
        fields = list(found)
        # A field without a value does not take the plain name from one that has one.
        fields.sort(key=lambda field: (_text(experiment[field]) is None, field != name))
        for place, field in enumerate(fields if name else ()):
            own = name if place == 0 else _numbered(name, place + 1, names)
            names.add(own)
            yield own, _typed(own, experiment[field])


@lru_cache(256)  # most images of a dataset have the same fields
def _alike(fields: tuple[str, ...], taken: tuple[str, ...]) -> Mapping[str, Sequence[str]]:
    """Group fields by the name that each would have as a column."""
    alike: dict[str, list[str]] = {}
    for field in fields:
        name = field.strip().lower()
        clash = name not in OWN_FIELDS and name in {*taken, *PROVENANCE}
        alike.setdefault(f"experiment_{name}" if clash else name, []).append(field)
    return alike


def _typed(name: str, value: object) -> object:
    if name == "depth":
        return parse_quantity(value, "length")
    if name == "branch_order":
        number = as_whole(value)
        return number if number is not None and abs(number) < _INT64 else None
    return _text(value)


def _numbered(name: str, start: int, taken: Collection[str]) -> str:
    return next(own for n in count(start) if (own := f"{name}_{n}") not in taken)


def _sizes(value: object) -> list[int] | None:
    """Return the sizes of an array's axes; None where the value is none."""
    if not isinstance(value, list):
        return None
    sizes = [size for size in value if type(size) is int and 0 <= size < _INT64]
    return sizes if len(sizes) == len(value) else None


def _text(value: object) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return value
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


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
