"""Import lab folders: TIFF pixels, Olympus headers, sidecars, traces and events."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kymflow.core.lab_folder.importer import import_folder
    from kymflow.core.lab_folder.report import Conflict, Copy, ImportReport, Moved

_HOMES = {
    "Conflict": "report",
    "Copy": "report",
    "ImportReport": "report",
    "Moved": "report",
    "import_folder": "importer",
}

__all__ = ["Conflict", "Copy", "ImportReport", "Moved", "import_folder"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
