"""The indexers at hand: those shipped, those that other packages register, those in a file."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from kymflow.core.errors import InvalidIndexerError
from kymflow.core.kym_dataset.indexers.base import table_name

if TYPE_CHECKING:
    from kymflow.core.kym_dataset.indexers.base import Indexer

GROUP = "kymflow.indexers"


def available_indexers() -> list[str]:
    """Return the names under which indexers are registered, sorted."""
    return sorted(_registered())


def load_indexer(name: str) -> Indexer:
    """Return a new indexer by its name.

    Args:
        name: A name of the entry-point group ``kymflow.indexers``; or a Python file and a class in
            it, ``mine.py:Brightness``. The file is run; its folder is put on the path of Python,
            here and in processes started from now on, so that workers find it too.

    Raises:
        InvalidIndexerError: If there is none of that name, or it can't be loaded.
    """
    file, colon, class_name = name.rpartition(":")
    if colon and file.endswith(".py"):
        return _from_file(Path(file), class_name)
    registered = _registered()
    if name not in registered:
        raise InvalidIndexerError(
            f"there is no indexer {name!r}; there are {', '.join(sorted(registered))}, and any "
            f"class of a file, as FILE.py:CLASS"
        )
    try:
        indexer: Indexer = registered[name].load()()
    except (ImportError, AttributeError, TypeError) as error:
        raise InvalidIndexerError(
            f"indexer {name!r} ({registered[name].value}) can't be loaded: {error}"
        ) from error
    table_name(indexer)
    return indexer


def _from_file(file: Path, class_name: str) -> Indexer:
    if not file.is_file():
        raise InvalidIndexerError(f"there is no file {file}")
    module = _module(file.resolve())
    made = getattr(module, class_name, None)
    if not isinstance(made, type):
        known = [n for n, each in vars(module).items() if isinstance(each, type)]
        raise InvalidIndexerError(
            f"{file} has no class {class_name!r}; its classes are {', '.join(known) or 'none'}"
        )
    try:
        indexer: Indexer = made()
    except TypeError as error:
        raise InvalidIndexerError(f"{class_name} of {file} can't be made: {error}") from error
    table_name(indexer)
    return indexer


def _module(file: Path) -> ModuleType:
    """Import a file under its own name, by which other processes find it as well."""
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
        known = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{known}" if known else folder
    try:
        module = importlib.import_module(file.stem)
    except Exception as error:
        raise InvalidIndexerError(
            f"{file} can't be run: {type(error).__name__}: {error}"
        ) from error
    if module.__file__ is None or Path(module.__file__).resolve() != file:
        raise InvalidIndexerError(
            f"Python has another module called {file.stem!r}; give {file} another name"
        )
    return module


def _registered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
