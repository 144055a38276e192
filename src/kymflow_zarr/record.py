"""One image: its pixels, and the artifacts of its analyses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from kymflow_zarr import formats, parquet
from kymflow_zarr.errors import (
    ArtifactNotFoundError,
    ArtifactSchemaError,
    ArtifactUnreadableError,
    DatasetError,
    ImageNotFoundError,
    MetadataNotFoundError,
    first_line,
)
from kymflow_zarr.files import MAX_BLOB, atomic_path, is_plain, read_file, write_atomic
from kymflow_zarr.frames import as_polars
from kymflow_zarr.groups import read_attributes, write_group
from kymflow_zarr.names import check_artifact_name

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    import zarr

    from kymflow_zarr.dataset import ZarrDataset

T = TypeVar("T")
METADATA = "metadata"
# Zarr meets damaged metadata and chunks with whatever its own code stumbles on.
_STUMBLES = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


class ZarrImageRecord:
    """A cheap handle on one image; making one reads nothing.

    Made by :meth:`ZarrDataset.record` and its siblings.

    Args:
        dataset: The dataset.
        image_id: The image's id.
        path: The image's folder while it is being made; by default where images lie.

    Attributes:
        dataset: The dataset.
        image_id: The image's id.
    """

    __slots__ = ("_path", "dataset", "image_id")

    def __init__(self, dataset: ZarrDataset, image_id: str, path: Path | None = None) -> None:
        self.dataset = dataset
        self.image_id = image_id
        self._path = path

    def __repr__(self) -> str:
        return f"ZarrImageRecord({str(self.dataset.path)!r}, {self.image_id!r})"

    @property
    def path(self) -> Path:
        """The image's folder."""
        # Joined when first asked for: bulk work makes a handle an image and rarely asks.
        if self._path is None:
            self._path = self.dataset.path / "images" / self.image_id
        return self._path

    def exists(self) -> bool:
        """Tell whether the image is in the dataset."""
        return self.path.is_dir()

    # Pixels

    def save_array(
        self,
        array: object,
        *,
        axes: Sequence[str] | None = None,
        chunks: Sequence[int] | None = None,
    ) -> None:
        """Write the pixels, and with them the image's group and its attributes.

        Args:
            array: Numbers, 2-D to 5-D.
            axes: One name an axis; by default ``yx``, ``zyx``, ``zyxc``, ``tzyxc``.
            chunks: Chunk shape; by default about 1 MiB, cut along the leading axes.

        Raises:
            InvalidArrayError: If the pixels, axes or chunks can't be stored.
            ReadOnlyError: If the dataset is open for reading only.
        """
        from kymflow_zarr import pixels

        self.dataset.check_writable("save pixels", self.path / "data")
        checked = pixels.checked_array(array)
        names = pixels.checked_axes(axes, checked.ndim)
        now = datetime.now(UTC).isoformat()
        created = self.attrs().get("created_utc", now) if self.exists() else now
        zarr_format = self.dataset.zarr_format
        pixels.write_array(
            self.path / "data", checked, axes=names, chunks=chunks, zarr_format=zarr_format
        )
        attributes = {"axes": names, "created_utc": created, "updated_utc": now}
        write_group(self.path, zarr_format, attributes)

    def open_array(self) -> zarr.Array[Any]:
        """Open the pixels without reading them.

        Raises:
            ImageNotFoundError: If there is no such image.
            ArtifactNotFoundError: If the image has no pixels.
            ArtifactUnreadableError: If its Zarr metadata can't be read.
        """
        self._check_exists()
        return self._open_zarr(self.path / "data", "data")

    def load_array(self) -> np.ndarray[Any, Any]:
        """Return the pixels, in the axes of :meth:`get_axes`.

        Raises:
            ImageNotFoundError: If there is no such image.
            ArtifactUnreadableError: If a chunk is damaged.
        """
        array = self.open_array()
        return self._values(array, "data")

    def get_axes(self) -> list[str]:
        """Return the names of the axes of the pixels.

        Raises:
            ArtifactSchemaError: If what is stored are no names, or there are none for so many axes.
        """
        from kymflow_zarr.pixels import DEFAULT_AXES

        stored = self.attrs().get("axes")
        if not stored:
            ndim = self.open_array().ndim
            stored = list(DEFAULT_AXES.get(ndim, ())) or f"none for {ndim} dimensions"
        if not isinstance(stored, list) or not all(isinstance(name, str) for name in stored):
            raise self._error(ArtifactSchemaError, "data", f"the names of its axes are {stored!a}")
        return stored

    def get_image_bounds(self) -> dict[str, int]:
        """Return ``width`` and ``height`` (axes x and y, px) and ``num_slices`` (axis z, else 1).

        Where an axis x or y is not named, the last axis is the width and the one before it the
        height.
        """
        shape, axes = self.open_array().shape, self.get_axes()
        if len(axes) != len(shape):
            raise self._error(
                ArtifactSchemaError, "data", f"its axes {axes} don't fit its shape {shape}"
            )
        sizes = dict(zip(axes, shape, strict=True))
        return {
            "width": sizes.get("x", shape[-1]),
            "height": sizes.get("y", shape[-2]),
            "num_slices": sizes.get("z", 1),
        }

    def attrs(self) -> dict[str, Any]:
        """Return the attributes of the image's Zarr group."""
        return read_attributes(self.path, self.dataset.zarr_format)

    # Artifacts

    def artifact_path(self, name: str, suffix: str) -> Path:
        """Return where an artifact of this name and suffix (``.json`` …) lies or would lie."""
        return self.path / "analysis" / f"{check_artifact_name(name)}{suffix}"

    def save_json(self, name: str, value: object) -> Path:
        """Save a JSON artifact, indented for people to read.

        Raises:
            UsageError: If the value has no JSON form; NaN has none.
        """
        return self._save(name, ".json", formats.encode_json(value))

    def load_json(self, name: str) -> Any:
        """Return a JSON artifact, from ``<name>.json`` or else ``<name>.json.gz``.

        Raises:
            ArtifactNotFoundError: If there is neither.
            ArtifactUnreadableError: If it is not JSON.
        """
        try:
            return self._load(name, ".json", formats.decode_json)
        except ArtifactNotFoundError:
            if not self.artifact_path(name, ".json.gz").exists():
                raise
        return self._load(name, ".json.gz", lambda b: formats.decode_json(formats.gunzip(b)))

    def save_df_parquet(self, name: str, frame: object) -> Path:
        """Save a table artifact as Parquet.

        Args:
            name: The artifact's name.
            frame: A Polars frame, or anything that speaks the Arrow PyCapsule stream.
        """
        rows = as_polars(frame)
        with self._writing(name, ".parquet") as temporary:
            rows.write_parquet(temporary, compression="zstd")
        return self.artifact_path(name, ".parquet")

    def load_df_parquet(self, name: str) -> pl.DataFrame:
        """Return a table artifact saved as Parquet.

        Raises:
            ArtifactNotFoundError: If there is none.
            ArtifactUnreadableError: If it is damaged.
        """
        path = self.artifact_path(name, ".parquet")
        with self._reading(name, path):
            if is_plain(os.fspath(path)) is False:  # Polars would wait for a pipe
                raise ValueError("it is no plain file")
            return parquet.scan(path).collect()
        raise AssertionError("unreachable")

    def save_df_csv_gz(self, name: str, frame: object) -> Path:
        """Save a table artifact as gzipped CSV."""
        return self._save(name, ".csv.gz", formats.encode_csv_gz(as_polars(frame)))

    def load_df_csv_gz(self, name: str) -> pl.DataFrame:
        """Return a table artifact saved as gzipped CSV; dtypes are inferred from all rows.

        Raises:
            ArtifactNotFoundError: If there is none.
            ArtifactUnreadableError: If it is damaged.
        """
        return self._load(name, ".csv.gz", formats.decode_csv_gz, formats.MAX_UNPACKED)

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
        for key in chosen:
            (self.path / "analysis" / key).unlink()
        return len(chosen)

    # Array artifacts

    def save_array_artifact(
        self,
        name: str,
        array: object,
        *,
        axes: Sequence[str] | None = None,
        chunks: Sequence[int] | None = None,
    ) -> Path:
        """Save an array made by an analysis, beside the table artifacts."""
        from kymflow_zarr import pixels

        path = self._array_path(name)
        self.dataset.check_writable(f"save array artifact {name!r}", path)
        checked = pixels.checked_array(array)
        pixels.write_array(
            path,
            checked,
            axes=pixels.checked_axes(axes, checked.ndim),
            chunks=chunks,
            zarr_format=self.dataset.zarr_format,
        )
        return path

    def load_array_artifact(self, name: str) -> np.ndarray[Any, Any]:
        """Return an array artifact.

        Raises:
            ArtifactNotFoundError: If there is none.
            ArtifactUnreadableError: If it is damaged.
        """
        return self._values(self._open_zarr(self._array_path(name), name), name)

    def list_array_artifacts(self) -> list[str]:
        """Return the names of the array artifacts, sorted."""
        root = self.path / "analysis_arrays"
        headers = [*root.rglob("zarr.json"), *root.rglob(".zarray")]
        return sorted(header.parent.relative_to(root).as_posix() for header in headers)

    def _array_path(self, name: str) -> Path:
        return self.path / "analysis_arrays" / check_artifact_name(name)

    # How reading and writing go wrong

    def _save(self, name: str, suffix: str, data: bytes) -> Path:
        path = self.artifact_path(name, suffix)
        self.dataset.check_writable(f"save artifact {name!r}", path.parent)
        self._check_exists()
        write_atomic(path, data)
        return path

    @contextmanager
    def _writing(self, name: str, suffix: str) -> Iterator[Path]:
        path = self.artifact_path(name, suffix)
        self.dataset.check_writable(f"save artifact {name!r}", path.parent)
        self._check_exists()
        with atomic_path(path) as temporary:
            yield temporary

    def _load(
        self, name: str, suffix: str, decode: Callable[[bytes], T], limit: int = MAX_BLOB
    ) -> T:
        path = self.artifact_path(name, suffix)
        with self._reading(name, path):
            return decode(read_file(path, limit))
        raise AssertionError("unreachable")

    @contextmanager
    def _reading(self, name: str, path: Path) -> Iterator[None]:
        import polars as pl

        try:
            yield
        except FileNotFoundError as error:
            self._check_exists()
            raise self._error(ArtifactNotFoundError, name, f"it has no {path.name}") from error
        except (
            OSError,
            ValueError,
            MemoryError,
            pl.exceptions.PolarsError,
            pl.exceptions.PanicException,
        ) as error:
            raise self._error(
                ArtifactUnreadableError, name, f"{path.name} can't be read: {first_line(error)}"
            ) from error

    def _open_zarr(self, path: Path, name: str) -> zarr.Array[Any]:
        import zarr

        try:
            return zarr.open_array(str(path), mode="r")
        except FileNotFoundError as error:
            self._check_exists()
            raise self._error(ArtifactNotFoundError, name, f"it has no {path.name}") from error
        except _STUMBLES as error:
            raise self._error(
                ArtifactUnreadableError, name, f"its Zarr metadata is damaged: {first_line(error)}"
            ) from error

    def _values(self, array: zarr.Array[Any], name: str) -> np.ndarray[Any, Any]:
        import numpy as np

        try:
            return np.asarray(array[...])
        except _STUMBLES as error:
            raise self._error(
                ArtifactUnreadableError,
                name,
                f"a chunk of its array can't be read: {first_line(error)}",
            ) from error

    def _check_exists(self) -> None:
        if not self.exists():
            raise ImageNotFoundError(
                "there is no such image", dataset=str(self.dataset.path), image_id=self.image_id
            )

    def _error(self, kind: type[DatasetError], name: str, what: str) -> DatasetError:
        return kind(
            f"image: {what}; mend the artifact or make it anew",
            dataset=str(self.dataset.path),
            image_id=self.image_id,
            artifact=name,
        )
