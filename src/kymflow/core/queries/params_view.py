"""The view of a table's params: the JSON behind each hash, and each of its keys as a column."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from kymflow_sql import render
from kymflow_zarr.duck import literal, quoted, value

if TYPE_CHECKING:
    import duckdb

    from kymflow_zarr.sql.views import Source

SEPARATOR = "__"
MAX_COLUMNS = 500
_REMEMBERED = 100
# A view's SQL does not hold line breaks in its texts.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TYPES = {
    "BOOLEAN": "BOOLEAN",
    "BIGINT": "BIGINT",
    "UBIGINT": "BIGINT",
    "HUGEINT": "BIGINT",
    "DOUBLE": "DOUBLE",
    "VARCHAR": "VARCHAR",
    "NULL": "VARCHAR",
}


@dataclass(frozen=True, slots=True)
class _Key:
    """One key of the params, keys of nested objects included.

    Attributes:
        path: The keys that lead to it.
        dtype: The DuckDB type of its column; JSON where its values have no common one.
    """

    path: tuple[str, ...]
    dtype: str

    @property
    def pointer(self) -> str:
        """Its JSON pointer, RFC 6901."""
        return "".join(f"/{key.replace('~', '~0').replace('/', '~1')}" for key in self.path)


_known: dict[Hashable, list[_Key]] = {}


def select_params(con: duckdb.DuckDBPyConnection, table: Source) -> str:
    """Write the SELECT of a params view.

    Columns: ``params_hash``; ``params``, the JSON text; then one for each key, sorted as in the
    JSON. Keys of nested objects are joined by two underscores. A column is BIGINT, DOUBLE, BOOLEAN
    or VARCHAR if all its values are that or null; lists, values of several types, whole numbers
    beyond 64 bits, and those of more than 15 digits beside fractions are JSON text. Names that are
    taken, also in other case, get a number; a key with a control character gets no column. Where
    there would be more than 500 columns, nested objects stay JSON text; where there still would,
    there are none.

    Args:
        con: The connection; it reads all params to find the keys.
        table: The params; the keys of one state of them are looked for once.
    """
    source, identity = table.sql, table.identity
    if identity not in _known:
        if len(_known) >= _REMEMBERED:
            _known.clear()
        _known[identity] = _keys(con, source)
    keys = _known[identity]
    if not keys:
        return f"FROM {source}"
    names = _names(keys)
    columns = [
        f"{_value(key.dtype, place)} AS {quoted(name)}"
        for place, (key, name) in enumerate(zip(keys, names, strict=True), start=1)
    ]
    pointers = ", ".join(literal(key.pointer) for key in keys)
    text: str = render(
        "catalog/params_view", source=source, pointers=f"[{pointers}]", columns=", ".join(columns)
    )
    return text


def _keys(con: duckdb.DuckDBPyConnection, source: str) -> list[_Key]:
    found = value(con, render("catalog/params_structure", source=source))
    structure = json.loads(found) if found else None
    if not isinstance(structure, dict):
        return []
    keys = list(_leaves(structure))
    if len(keys) > MAX_COLUMNS:
        flat = {k: kind if isinstance(kind, str) else "JSON" for k, kind in structure.items()}
        keys = list(_leaves(flat))
    if len(keys) > MAX_COLUMNS:
        return []
    wide = _wide(con, source, [key for key in keys if key.dtype in ("BIGINT", "DOUBLE")])
    return [replace(key, dtype="JSON") if key.pointer in wide else key for key in keys]


def _leaves(structure: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[_Key]:
    for name, kind in structure.items():
        path = (*above, name)
        if _CONTROL.search(name):
            continue
        if isinstance(kind, dict):
            yield from _leaves(kind, path)
        else:
            yield _Key(path, _dtype(kind))


def _dtype(kind: object) -> str:
    return _TYPES.get(kind, "JSON") if isinstance(kind, str) else "JSON"


def _wide(con: duckdb.DuckDBPyConnection, source: str, keys: Sequence[_Key]) -> set[str]:
    """Return the pointers of those keys whose whole numbers don't all keep their digits."""
    if not keys:
        return set()
    pointers = ", ".join(literal(key.pointer) for key in keys)
    is_double = ", ".join(str(key.dtype == "DOUBLE") for key in keys)
    query = render(
        "catalog/wide_integers",
        source=source,
        pointers=f"[{pointers}]",
        is_double=f"[{is_double}]",
    )
    rows = con.execute(query).fetchall()
    return {str(row[0]) for row in rows}


def _names(keys: Sequence[_Key]) -> list[str]:
    taken = {"params_hash", "params"}
    names = []
    for key in keys:
        wanted = SEPARATOR.join(part or "_" for part in key.path)
        tries = (wanted if n == 1 else f"{wanted}_{n}" for n in count(1))
        name = next(each for each in tries if each.lower() not in taken)
        taken.add(name.lower())
        names.append(name)
    return names


def _value(dtype: str, place: int) -> str:
    if dtype == "JSON":
        return f"CAST(nullif(json[{place}], 'null') AS VARCHAR)"
    return f"CAST(text[{place}] AS {dtype})"
