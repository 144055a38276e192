"""Queries that people keep in a dataset, each a file ``queries/<name>.sql``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow_zarr.errors import NotFoundError, UsageError
from kymflow_zarr.store import layout
from kymflow_zarr.store.containment import resolve_within
from kymflow_zarr.store.files import write_atomic
from kymflow_zarr.store.names import check_table_name
from kymflow_zarr.store.reads import read_file, reading

if TYPE_CHECKING:
    from kymflow_zarr.store.store import Store


def save_query(store: Store, name: str, text: str, *, replace: bool = False) -> None:
    """Keep a query in a dataset.

    Args:
        store: The dataset, open for writing.
        name: What to call it; one word, as tables are named.
        text: The SQL.
        replace: Whether a query of that name may be replaced.

    Raises:
        ReadOnlyError: If the dataset is open for reading only.
        InvalidNameError: If the name is not one that a query may have.
        UsageError: If the text is empty, or there is a query of that name already.
    """
    path = layout.saved_query(store.path, check_table_name(name))
    store.check_writable("save a query", path.parent, path)
    if not text.strip():
        raise UsageError("there is no query to save: its text is empty")
    if path.exists() and not replace:
        raise UsageError(f"there is a query {name!r} already; replace it, or choose another name")
    path.parent.mkdir(exist_ok=True)
    write_atomic(path, text.strip().encode() + b"\n")


def saved_queries(store: Store) -> dict[str, str]:
    """Return the queries kept in a dataset: text by name, sorted by name.

    Raises:
        OutsideError: If they lie behind a link out of the dataset.
        ReadError: If one can't be read.
    """
    folder = resolve_within(store.path, layout.saved_queries(store.path))
    return {path.stem: _text(store, path.stem) for path in sorted(folder.glob("*.sql"))}


def _text(store: Store, name: str) -> str:
    path = resolve_within(store.path, layout.saved_query(store.path, name))
    try:
        with reading(path):
            blob = read_file(path)
        return blob.decode()
    except FileNotFoundError:
        raise NotFoundError(f"there is no query {name!r} in the dataset") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"the query {name!r} is not UTF-8 text; repair {path}") from error
