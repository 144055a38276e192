"""The files of one image that are artifacts: JSON, Parquet and CSV, saved and loaded by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kymflow_zarr.errors import (
    ArtifactNotFoundError,
    ArtifactSchemaError,
    ArtifactUnreadableError,
    DatasetError,
    ImageBusyError,
    ImageNotFoundError,
    MetadataNotFoundError,
)
from kymflow_zarr.frames import as_polars
from kymflow_zarr.reasons import reason
from kymflow_zarr.store import codecs, layout, parquet
from kymflow_zarr.store.containment import delete_within
from kymflow_zarr.store.files import atomic_path, write_atomic
from kymflow_zarr.store.names import check_artifact_name
from kymflow_zarr.store.reads import MAX_BLOB, read_file

if TYPE_CHECKING:
    import polars as pl

    from kymflow_zarr.store.store import Store

T = TypeVar("T")
METADATA = "metadata"
_PATIENCE_S = 10.0


class ImageFiles:
    """The artifacts of one image; base of :class:`~kymflow_zarr.images.record.ZarrImageRecord`.

    Args:
        dataset: The dataset.
        image_id: The image's id.
        path: The image's folder while it is being made; by default ``images/<image_id>``.
    """

    __slots__ = ("_path", "dataset", "image_id")

    def __init__(self, dataset: Store, image_id: str, path: Path | None = None) -> None:
        self.dataset = dataset
        self.image_id = image_id
        self._path = path

    @property
    def path(self) -> Path:
        """The image's folder."""
        # Joined when first asked for: bulk work makes one handle per image and rarely asks.
        if self._path is None:
            self._path = layout.image(self.dataset.path, self.image_id)
        return self._path

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other writers off the image within the block; it can be nested.

        Raises:
            ReadOnlyError: If the dataset is open for reading only.
            ImageBusyError: If another process holds it for more than 10 s: writing takes
                milliseconds.
        """
        from kymflow_zarr.store.locks import Timeout, file_lock

        path = layout.image_lock(self.dataset.path, self.image_id)
        self.dataset.check_writable("lock an image", path.parent)
        lock = file_lock(path, shared=True)
        try:
            lock.acquire(timeout=_PATIENCE_S)
        except Timeout as error:
            raise ImageBusyError(
                "another process has been writing to the image for 10 s; run it again when that "
                "one has ended",
                dataset=str(self.dataset.path),
                image_id=self.image_id,
            ) from error
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Note in the dataset's journal, where it is on, that the image is written to here.

        Whoever writes to an image by other means than this class does so within such a block. An
        image that is still being made is noted when it joins the dataset.

        Raises:
            WriteError: If the system refuses it; then nothing may be written.
        """
        if self.path.name != self.image_id:
            yield
            return
        with self.dataset.journal.noting(self.image_id):
            yield

    def exists(self) -> bool:
        """Tell whether the image is in the dataset."""
        return self.path.is_dir()

    def check_exists(self) -> None:
        """Refuse to go on where the image is not in the dataset.

        Raises:
            ImageNotFoundError: If it is not.
        """
        if not self.exists():
            self.dataset.check_there()
            raise no_image(self.dataset.path, self.image_id)

    def artifact_path(self, name: str, suffix: str) -> Path:
        """Return the path of an artifact with a suffix (``.json`` …), whether or not it exists."""
        return self.path / "analysis" / f"{check_artifact_name(name)}{suffix}"

    def save_json(self, name: str, value: object) -> Path:
        """Save a JSON artifact, indented for people to read.

        Raises:
            UsageError: If the value has no JSON form; NaN has none.
        """
        return self._save(name, ".json", codecs.encode_json(value))

    def load_json(self, name: str) -> Any:
        """Return a JSON artifact, from ``<name>.json`` or else ``<name>.json.gz``.

        Raises:
            ArtifactNotFoundError: If there is neither.
            ArtifactUnreadableError: If it is not JSON.
        """
        try:
            return self._load(name, ".json", codecs.decode_json)
        except ArtifactNotFoundError:
            if not self.artifact_path(name, ".json.gz").exists():
                raise
        return self._load(name, ".json.gz", lambda b: codecs.decode_json(codecs.gunzip(b)))

    def save_df_parquet(self, name: str, frame: object) -> Path:
        """Save a table artifact as Parquet.

        Args:
            name: The artifact's name.
            frame: A Polars frame, or anything that speaks the Arrow PyCapsule stream.
        """
        rows = as_polars(frame)
        with self._writing(name, ".parquet") as temporary:
            parquet.write(rows, temporary)
        return self.artifact_path(name, ".parquet")

    def load_df_parquet(self, name: str) -> pl.DataFrame:
        """Return a table artifact saved as Parquet.

        Raises:
            ArtifactNotFoundError: If there is none.
            ArtifactUnreadableError: If it is damaged, or holds too much; see
                :func:`~kymflow_zarr.store.parquet.load`.
        """
        path = self.artifact_path(name, ".parquet")
        with self._reading(name, path):
            rows = parquet.load(path)
        return rows

    def save_df_csv_gz(self, name: str, frame: object) -> Path:
        """Save a table artifact as gzipped CSV."""
        return self._save(name, ".csv.gz", codecs.encode_csv_gz(as_polars(frame)))

    def load_df_csv_gz(self, name: str, *, texts: Collection[str] = ()) -> pl.DataFrame:
        """Return a table artifact saved as gzipped CSV; dtypes are inferred from all rows.

        Args:
            name: Its name.
            texts: Columns that are text whatever they hold, such as ids.

        Raises:
            ArtifactNotFoundError: If there is none.
            ArtifactUnreadableError: If it is damaged.
        """
        decode = partial(codecs.decode_csv_gz, texts=texts)
        return self._load(name, ".csv.gz", decode, codecs.MAX_UNPACKED)

    def save_metadata_payload(self, payload: dict[str, Any]) -> Path:
        """Save the image's metadata, a JSON object."""
        return self.save_json(METADATA, payload)

    def load_metadata_payload(self) -> dict[str, Any]:
        """Return the image's metadata.

        Raises:
            MetadataNotFoundError: If it has none.
            ArtifactUnreadableError: If it is not JSON.
            ArtifactSchemaError: If it is not an object.
        """
        try:
            payload = self.load_json(METADATA)
        except ArtifactNotFoundError as error:
            raise self._error(MetadataNotFoundError, METADATA, "it has no metadata") from error
        if not isinstance(payload, dict):
            raise self._error(ArtifactSchemaError, METADATA, "its metadata is not an object")
        return payload

    def list_analysis_keys(self) -> list[str]:
        """Return the artifacts' files relative to ``analysis/``, sorted."""
        root = self.path / "analysis"
        found = (
            Path(folder, name).relative_to(root).as_posix()
            for folder, _, names in os.walk(root)
            for name in names
            if not name.startswith(".")
        )
        return sorted(found)

    def delete_file(self, key: str) -> bool:
        """Delete one file among the artifacts; of a link only the link.

        Args:
            key: Its path relative to ``analysis/``, such as ``velocity/trace.parquet``.

        Returns:
            Whether there was one.

        Raises:
            InvalidNameError: If the key can't be that of an artifact.
            OutsideError: If it lies behind a link out of the dataset.
            ReadOnlyError: If the dataset is open for reading only.
        """
        self.dataset.check_writable("delete an artifact")
        place = self.path / "analysis" / check_artifact_name(key)
        with self.noting():
            found = delete_within(self.dataset.path, place)
        return found

    def delete_analysis(self, suffixes: Sequence[str] | None = None) -> int:
        """Delete artifacts.

        Args:
            suffixes: Only files that end so, e.g. ``(".json",)``; all if None.

        Returns:
            How many files were deleted.
        """
        self.dataset.check_writable("delete artifacts", self.path / "analysis")
        chosen = [
            key
            for key in self.list_analysis_keys()
            if suffixes is None or key.endswith(tuple(suffixes))
        ]
        with self.noting() if chosen else nullcontext():
            for key in chosen:
                delete_within(self.dataset.path, self.path / "analysis" / key)
        return len(chosen)

    def _save(self, name: str, suffix: str, data: bytes) -> Path:
        path = self.artifact_path(name, suffix)
        self.dataset.check_writable(f"save artifact {name!r}", path.parent)
        self.check_exists()
        with self.noting():
            write_atomic(path, data)
        return path

    @contextmanager
    def _writing(self, name: str, suffix: str) -> Iterator[Path]:
        path = self.artifact_path(name, suffix)
        self.dataset.check_writable(f"save artifact {name!r}", path.parent)
        self.check_exists()
        with self.noting(), atomic_path(path) as temporary:
            yield temporary

    def _load(
        self, name: str, suffix: str, decode: Callable[[bytes], T], limit: int = MAX_BLOB
    ) -> T:
        path = self.artifact_path(name, suffix)
        with self._reading(name, path):
            value = decode(read_file(path, limit))
        return value

    @contextmanager
    def _reading(self, name: str, path: Path) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            self.check_exists()
            raise self._error(ArtifactNotFoundError, name, f"it has no {path.name}") from error
        except _damage() as error:
            raise self._error(
                ArtifactUnreadableError, name, f"{path.name} can't be read: {reason(error)}"
            ) from error

    def _error(self, kind: type[DatasetError], name: str, what: str) -> DatasetError:
        return kind(
            f"image: {what}; repair or rebuild the artifact",
            dataset=str(self.dataset.path),
            image_id=self.image_id,
            artifact=name,
        )


def no_image(dataset: Path, image_id: str) -> ImageNotFoundError:
    """Return the error for an image that is not in a dataset."""
    return ImageNotFoundError("there is no such image", dataset=str(dataset), image_id=image_id)


def _damage() -> tuple[type[BaseException], ...]:
    """Return the types of error that reading a damaged artifact may raise.

    Called only once something is raised: it imports Polars and DuckDB, and a first JSON artifact
    would take 138 ms instead of 0.6.
    """
    return (ValueError, MemoryError, *parquet.read_errors())
