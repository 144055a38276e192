"""One image: its pixels, and the artifacts of its analyses as files and arrays."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymflow_zarr.errors import ArtifactNotFoundError, ArtifactSchemaError, ArtifactUnreadableError
from kymflow_zarr.images.artifacts import ImageFiles
from kymflow_zarr.reasons import first_line
from kymflow_zarr.store.groups import read_attributes, write_group
from kymflow_zarr.store.names import check_artifact_name

if TYPE_CHECKING:
    import numpy as np
    import zarr

# On damaged metadata or chunks zarr raises whatever its own code happens to fail with.
_ZARR_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


class ZarrImageRecord(ImageFiles):
    """A cheap handle on one image; making one reads nothing.

    Made by :meth:`ZarrDataset.record` and its siblings.

    Args:
        dataset: The dataset.
        image_id: The image's id.
        path: The image's folder while it is being made; by default ``images/<image_id>``.

    Attributes:
        dataset: The dataset.
        image_id: The image's id.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"ZarrImageRecord({str(self.dataset.path)!r}, {self.image_id!r})"

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
            axes: One name per axis; by default ``yx``, ``zyx``, ``zyxc``, ``tzyxc``.
            chunks: Chunk shape; by default about 1 MiB, cut along the leading axes.

        Raises:
            InvalidArrayError: If the pixels, axes or chunks can't be stored.
            ReadOnlyError: If the dataset is open for reading only.
        """
        from kymflow_zarr.images import pixels

        self.dataset.check_writable("save pixels", self.path / "data")
        checked = pixels.checked_array(array)
        names = pixels.checked_axes(axes, checked.ndim)
        now = datetime.now(UTC).isoformat()
        created = self.attrs().get("created_utc", now) if self.exists() else now
        zarr_format = self.dataset.zarr_format
        with self.noting():
            pixels.write_array(
                self.path / "data",
                checked,
                axes=names,
                chunks=chunks,
                zarr_format=zarr_format,
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
        self.check_exists()
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
            ArtifactSchemaError: If they are not a list of texts, or missing and without default.
        """
        from kymflow_zarr.images.pixels import DEFAULT_AXES

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
        from kymflow_zarr.images import pixels

        path = self._array_path(name)
        self.dataset.check_writable(f"save array artifact {name!r}", path)
        checked = pixels.checked_array(array)
        with self.noting():
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
        names = (header.parent.relative_to(root).as_posix() for header in headers)
        return sorted(name for name in names if not name.rpartition("/")[2].startswith("."))

    def _array_path(self, name: str) -> Path:
        return self.path / "analysis_arrays" / check_artifact_name(name)

    def _open_zarr(self, path: Path, name: str) -> zarr.Array[Any]:
        from kymflow_zarr.images.chunks import open_bounded

        try:
            return open_bounded(path)
        except FileNotFoundError as error:
            self.check_exists()
            raise self._error(ArtifactNotFoundError, name, f"it has no {path.name}") from error
        except _ZARR_ERRORS as error:
            raise self._error(
                ArtifactUnreadableError, name, f"its array can't be read: {first_line(error)}"
            ) from error

    def _values(self, array: zarr.Array[Any], name: str) -> np.ndarray[Any, Any]:
        import numpy as np

        try:
            return np.asarray(array[...])
        except _ZARR_ERRORS as error:
            raise self._error(
                ArtifactUnreadableError,
                name,
                f"a chunk of its array can't be read: {first_line(error)}",
            ) from error
