"""The indexers at hand: those shipped and those that other packages register."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
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
        name: A name of the entry-point group ``kymflow.indexers``.

    Raises:
        InvalidIndexerError: If there is none of that name, or it can't be loaded.
    """
    registered = _registered()
    if name not in registered:
        raise InvalidIndexerError(
            f"there is no indexer {name!r}; there are {', '.join(sorted(registered))}"
        )
    try:
        indexer: Indexer = registered[name].load()()
    except (ImportError, AttributeError, TypeError) as error:
        raise InvalidIndexerError(
            f"indexer {name!r} ({registered[name].value}) can't be loaded: {error}"
        ) from error
    table_name(indexer)
    return indexer


def _registered() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
