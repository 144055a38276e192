"""Import lab folders: TIFF pixels, Olympus headers, sidecars, traces and events."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kymflow.core.lab_folder.importer import ImportReport, import_folder

__all__ = ["ImportReport", "import_folder"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from kymflow.core.lab_folder import importer

    return getattr(importer, name)
