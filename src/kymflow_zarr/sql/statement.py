"""Parse one query: whether it is allowed here, and which tables it reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kymflow_zarr.duck import literal, value
from kymflow_zarr.errors import QueryError

if TYPE_CHECKING:
    import duckdb

_EXPLAIN = re.compile(
    r"\s*EXPLAIN\b\s*(?:ANALYZE\b|\((?:ANALYZE\b|FORMAT\s+\w+|[\s,])*\))?", re.IGNORECASE
)
# These run SQL that can't be inspected, or switch on logs to files, which ends the whole process
# if the files can't be written (DuckDB 1.5).
_REFUSED = frozenset({"query", "json_execute_serialized_sql", "enable_logging"})
_OF_LAKES = "ducklake_"
# Table functions that return only what they are given.
_SELF_CONTAINED = frozenset({"generate_series", "json_each", "json_tree", "range", "unnest"})


@dataclass(frozen=True, slots=True)
class Query:
    """A query that is allowed here.

    Attributes:
        text: The SQL.
        reads_only: Whether it is a plain ``SELECT``, which can do nothing but read.
        tables: The names of the tables it reads, in lower case; None if unknown.
        own: The names it gives to parts of itself by ``WITH``, in lower case.
        parameters: The names or numbers of its parameters.
    """

    text: str
    reads_only: bool
    tables: frozenset[str] | None = None
    own: frozenset[str] = frozenset()
    parameters: frozenset[str] = frozenset()

    def needs(self, views: Iterable[str]) -> list[str]:
        """Return those views that the query reads; all of them if that is unknown."""
        known = list(views)
        if self.tables is None or not self.reads_by_name(known):
            return known
        return [name for name in known if name.lower() in self.tables]

    def reads_by_name(self, views: Iterable[str]) -> bool:
        """Tell whether all that the query does is to read views by their names.

        It then opens no file that it names itself, nor looks into what is not a view.
        """
        if self.tables is None or not self.reads_only:
            return False
        return not self.tables - self.own - {name.lower() for name in views}


def parse(con: duckdb.DuckDBPyConnection, text: str) -> Query:
    """Parse a query.

    Args:
        con: Any connection; nothing is run on it but the parser.
        text: The SQL.

    Raises:
        QueryError: If it is not exactly one statement that returns rows, or calls a function that
            is refused here.
        duckdb.Error: If it can't be parsed.
    """
    parsed = con.extract_statements(text)
    kinds = [each.type.name for each in parsed]
    if not kinds:
        raise QueryError("the query is empty; write a SELECT")
    if kinds == ["SELECT"]:
        return replace(
            _select(con, parsed[0].query), parameters=frozenset(parsed[0].named_parameters)
        )
    if kinds == ["EXPLAIN"]:
        return _explain(con, text)
    if kinds == ["MULTI"] or _is_pivot(parsed):
        return _pivot(text)
    if len(kinds) > 1:
        raise QueryError(f"there are {len(kinds)} statements; run one at a time")
    raise QueryError(
        f"{kinds[0]} is not allowed here, only one SELECT at a time, which changes nothing; "
        f"connect() gives a session of its own for temporary tables, macros and views"
    )


def _select(con: duckdb.DuckDBPyConnection, text: str) -> Query:
    try:
        tree = json.loads(value(con, f"SELECT json_serialize_sql({literal(text)})"))
    except RecursionError:
        return _too_deep(text)
    if tree.get("error"):
        raise QueryError(f"the query can't be inspected: {tree.get('error_message')}")
    nodes = list(_nodes(tree))
    _refuse(str(node["function_name"]) for node in nodes if "function_name" in node)
    if any(_lists_tables(node) for node in nodes):
        return Query(text, reads_only=True)
    tables = {str(n["table_name"]).lower() for n in nodes if n.get("type") == "BASE_TABLE"}
    withs = [entry for node in nodes for entry in node.get("cte_map", {}).get("map", [])]
    own = {str(entry["key"]).lower() for entry in withs}
    return Query(text, reads_only=True, tables=frozenset(tables), own=frozenset(own))


def _lists_tables(node: Mapping[str, Any]) -> bool:
    """Tell whether a part of a query may list the tables."""
    if node.get("type") == "TABLE_FUNCTION":
        return node.get("function", {}).get("function_name") not in _SELF_CONTAINED
    return node.get("type") == "SHOW_REF"


def _explain(con: duckdb.DuckDBPyConnection, text: str) -> Query:
    opening = _EXPLAIN.match(text)
    inner = text[opening.end() :] if opening else ""
    kinds = [each.type.name for each in con.extract_statements(inner)] if inner else []
    if kinds != ["SELECT"]:
        raise QueryError("EXPLAIN and EXPLAIN ANALYZE are allowed for one SELECT only")
    return replace(_select(con, inner), text=text)


def _is_pivot(parsed: list[duckdb.Statement]) -> bool:
    """Tell whether this is a PIVOT, which DuckDB 1.x splits into statements without a text."""
    *types, last = [each.type.name for each in parsed]
    apart = not any(each.query for each in parsed)
    return apart and last == "SELECT" and set(types) == {"CREATE"}


def _pivot(text: str) -> Query:
    """Return a query that has no syntax tree to inspect."""
    _refuse_words(text)
    return Query(text, reads_only=False)


def _too_deep(text: str) -> Query:
    """Return a SELECT whose syntax tree is nested too deeply to look into, as a sum of hundreds."""
    _refuse_words(text)
    return Query(text, reads_only=True)


def _refuse_words(text: str) -> None:
    # Words stand for calls: rather refuse too much. Names in escapes could hide some.
    if re.search(r"u&\s*[\"']", text, re.IGNORECASE):
        raise QueryError("names in Unicode escapes are not answered here; write them out")
    _refuse(re.findall(r"\w+", text.lower()))


def _refuse(functions: Iterable[str]) -> None:
    for name in functions:
        if name in _REFUSED:
            raise QueryError(f"{name}() is not allowed here; write out the SQL that it would run")
        if name.startswith(_OF_LAKES):
            raise QueryError(f"{name}() is not allowed here: it belongs to the catalog")


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    """Yield every object in some JSON."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)
