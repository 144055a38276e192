"""kymflow: incremental tables over Zarr datasets of line-scan kymographs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os

    from kymflow.core.kym_dataset import KymDataset
    from kymflow_zarr.store.store import Mode

__all__ = ["__version__", "open"]


def open(path: str | os.PathLike[str], mode: Mode = "r") -> KymDataset:  # noqa: A001
    """Open a dataset: its images, its tables, and SQL over them.

    Args:
        path: The dataset's folder, usually named ``*.zarr``.
        mode: ``"r"`` reads; ``"a"`` also writes, and makes a dataset that is not there; ``"w"``
            makes an empty one, in place of any that is there.

    Returns:
        The dataset.

    Raises:
        DatasetNotFoundError: With ``"r"``, if there is nothing at the path.
        DatasetFormatError: If something else is there.

    Examples:
        >>> import kymflow
        >>> lab = kymflow.open("lab.zarr")  # doctest: +SKIP
        >>> lab.sql("SELECT count(*) FROM kym_events")  # doctest: +SKIP
    """
    from kymflow.core.kym_dataset import KymDataset
    from kymflow_zarr import ZarrDataset

    return KymDataset(ZarrDataset(path, mode=mode))


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("kymflow")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
