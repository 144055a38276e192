"""What imports learnt on the way and need not learn again; derived, and safe to delete.

``index/import.files.parquet`` holds how files look now whose content is still the one recorded:
a lab folder copied to another disk, say, is read once and not at every import.
``index/import.pixels.parquet`` holds the hashes of pixels whose images do not name them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymflow.core.lab_folder.signature import Signature, is_same, look_at, read_hash
from kymflow.core.lab_folder.source import is_unicode

if TYPE_CHECKING:
    import polars as pl

    from kymflow_zarr import ZarrDataset

_FILES = {
    "path": "String",
    "size": "Int64",
    "mtime_ns": "Int64",
    "ctime_ns": "Int64",
    "sha256": "String",
}
_PIXELS = {"image_id": "String", "size": "Int64", "mtime_ns": "Int64", "sha256": "String"}


class SeenFiles:
    """How files looked when they were last read.

    Args:
        dataset: The dataset; nothing is read before it is needed.
    """

    def __init__(self, dataset: ZarrDataset) -> None:
        self._memory = _Memory(dataset, "files", _FILES)

    def has_same_content(self, path: Path, recorded: Mapping[str, Any]) -> bool:
        """Tell whether a file's content is the one recorded, reading it if need be.

        Raises:
            SourceFileError: If it can't be read.
        """
        now = look_at(path)
        if is_same(now, recorded):
            return True
        if now.size != recorded.get("size", now.size):
            return False
        return bool(self.read_hash(path, now) == recorded.get("sha256"))

    def read_hash(self, path: Path, now: Signature | None = None) -> str:
        """Return the SHA-256 of a file, which is read only where it looks otherwise than before.

        Raises:
            SourceFileError: If it can't be read.
        """
        now = now or look_at(path)
        key = str(path)
        known = self._memory.get(key)
        if known is not None and is_same(now, known):
            return str(known["sha256"])
        content = read_hash(path)
        if now.ctime_ns is not None and is_unicode(key):
            self._memory.put(key, {**now._asdict(), "sha256": content})
        return content

    def save(self) -> None:
        """Write down what is new."""
        self._memory.save()


class SeenPixels:
    """The hashes of pixels that were computed from what the dataset stores.

    Args:
        dataset: The dataset.
    """

    def __init__(self, dataset: ZarrDataset) -> None:
        self._dataset = dataset
        self._memory = _Memory(dataset, "pixels", _PIXELS)

    def hash_of(self, image_id: str) -> str | None:
        """Return the hash of an image's pixels, None where they can't be read.

        Pixels are written whole: their Zarr metadata looks otherwise after every write.
        """
        from kymflow.core.lab_folder.fingerprint import pixels_hash
        from kymflow_zarr.errors import DatasetError

        rec = self._dataset.record(image_id)
        header = "zarr.json" if self._dataset.zarr_format == 3 else ".zarray"
        try:
            status = (rec.path / "data" / header).stat()
            look = {"size": status.st_size, "mtime_ns": status.st_mtime_ns}
            known = self._memory.get(image_id)
            if known is not None and {name: known[name] for name in look} == look:
                return str(known["sha256"])
            content = pixels_hash(rec.load_array())
        except (DatasetError, OSError):
            return None
        self._memory.put(image_id, {**look, "sha256": content})
        return content

    def save(self) -> None:
        """Write down what is new."""
        self._memory.save()


class _Memory:
    """A small table in the dataset's index, by the text in its first column."""

    def __init__(self, dataset: ZarrDataset, name: str, columns: Mapping[str, str]) -> None:
        self._dataset = dataset
        self._path = dataset.path / "index" / f"import.{name}.parquet"
        self._columns = columns
        self._key = next(iter(columns))
        self._rows: dict[str, Mapping[str, Any]] | None = None
        self._is_new = False

    def get(self, key: str) -> Mapping[str, Any] | None:
        return self._known().get(key)

    def put(self, key: str, row: Mapping[str, Any]) -> None:
        self._known()[key] = row
        self._is_new = True

    def save(self) -> None:
        if not self._is_new:
            return
        from kymflow_zarr.store import parquet
        from kymflow_zarr.store.files import atomic_path

        self._dataset.check_writable("note what an import saw", self._path)
        with atomic_path(self._path) as temporary:
            parquet.write(self._frame(self._known()), temporary)
        self._is_new = False

    def _known(self) -> dict[str, Mapping[str, Any]]:
        if self._rows is None:
            self._rows = {row.pop(self._key): row for row in self._stored()}
        return self._rows

    def _stored(self) -> Iterable[dict[str, Any]]:
        """Load the record; empty where it is missing or damaged."""
        from kymflow_zarr.store import parquet

        try:
            frame = parquet.scan(self._path).collect()
            schema = self._frame({}).schema
            typed = frame.select(schema.names()).cast(schema)
        except parquet.read_errors():
            return []
        return typed.drop_nulls().to_dicts()

    def _frame(self, rows: Mapping[str, Mapping[str, Any]]) -> pl.DataFrame:
        import polars as pl

        schema = {name: getattr(pl, dtype) for name, dtype in self._columns.items()}
        return pl.DataFrame([{self._key: key, **row} for key, row in rows.items()], schema)
