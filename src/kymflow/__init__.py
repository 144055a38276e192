"""kymflow: incremental tables over Zarr datasets of line-scan kymographs."""

from __future__ import annotations

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    if name == "__version__":
        from importlib.metadata import version

        return version("kymflow")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
