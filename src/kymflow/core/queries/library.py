"""The named queries shipped in ``sql/queries``: list them, fill in their parameters, run them."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import kymflow_sql
from kymflow.core.queries.header import NamedQuery, Parameter, read_header
from kymflow.core.queries.views import hidden, kym_views
from kymflow_zarr.duck import quoted
from kymflow_zarr.errors import TableNotFoundError, UsageError
from kymflow_zarr.sql.hints import did_you_mean, near

if TYPE_CHECKING:
    import polars as pl

    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.sql.views import Views

__all__ = ["NamedQuery", "Parameter", "fill", "named_queries", "named_query", "run"]

_FOLDER = "queries/"
_OF_TABLE = ("", "_params", "_runs")


@cache
def named_queries() -> tuple[NamedQuery, ...]:
    """Return every named query, sorted by name."""
    names = [name for name in kymflow_sql.names() if name.startswith(_FOLDER)]
    return tuple(
        read_header(name.removeprefix(_FOLDER), kymflow_sql.statement(name)) for name in names
    )


def named_query(name: str) -> NamedQuery:
    """Return one named query.

    Raises:
        UsageError: If there is none of that name.
    """
    known = {query.name: query for query in named_queries()}
    if name not in known:
        raise UsageError(
            f"there is no query {name!r}.{did_you_mean(near(name, known))}\n"
            f"Queries: {', '.join(known)}"
        )
    return known[name]


def run(dataset: ZarrDataset, name: str, params: Mapping[str, object]) -> pl.DataFrame:
    """Run a named query.

    Args:
        dataset: The dataset; reading it is enough.
        name: Of the query.
        params: Values for some of its parameters; the others have their defaults.

    Raises:
        UsageError: If there is no such query or parameter, or a value does not fit.
        TableNotFoundError: If a table that it reads was not built yet.
        QueryError: If it can't be answered.
    """
    from kymflow_zarr.sql.answers import answer

    sql, values = fill(dataset, name, params)
    return answer(kym_views(dataset), sql, values, None)


def fill(
    dataset: ZarrDataset, name: str, params: Mapping[str, object]
) -> tuple[str, dict[str, object]]:
    """Return a named query's SQL for one dataset, and the values to bind in it.

    Names can't be bound like values. A parameter that names a column or table has a fragment in the
    SQL instead, and is filled with a quoted name that was found in the dataset, nothing else.

    Args:
        dataset: As for :func:`run`.
        name: As for :func:`run`.
        params: As for :func:`run`.

    Raises:
        UsageError: As for :func:`run`.
        TableNotFoundError: As for :func:`run`.
    """
    query = named_query(name)
    _check_names(query, params)
    given = {p.name: p.value(params.get(p.name, p.default)) for p in query.parameters}
    views = kym_views(dataset)
    fragments: dict[str, str] = {}
    for parameter in query.parameters:
        if parameter.kind == "table":
            fragments |= _table_fragments(parameter, str(given.pop(parameter.name)))
    _check_tables(query, views, fragments)
    for parameter in query.parameters:
        if parameter.kind == "column":
            fragments[parameter.name] = _column(views, parameter, str(given.pop(parameter.name)))
    return kymflow_sql.render(f"{_FOLDER}{name}", **fragments), given


def _check_names(query: NamedQuery, params: Mapping[str, object]) -> None:
    known = [parameter.name for parameter in query.parameters]
    for name in params:
        if name not in known:
            takes = f"it takes {', '.join(known)}" if known else "it takes none"
            raise UsageError(
                f"query {query.name!r} has no parameter {name!r}; {takes}."
                f"{did_you_mean(near(name, known))}"
            )


def _table_fragments(parameter: Parameter, table: str) -> dict[str, str]:
    return {f"{parameter.name}{kind}": quoted(f"{table}{kind}") for kind in _OF_TABLE}


def _check_tables(query: NamedQuery, views: Views, fragments: Mapping[str, str]) -> None:
    unquoted = {fragment: name[1:-1].replace('""', '"') for fragment, name in fragments.items()}
    for table in query.tables:
        name = table.format(**unquoted)
        if hidden(views, name):
            raise UsageError(
                f"query {query.name!r} needs the view {name!r}, and a table of that name hides it; "
                f"rename the indexer that makes that table",
                dataset=str(views.dataset),
            )
        if name not in views.by_name:
            raise TableNotFoundError(
                f"query {query.name!r} needs the table {name!r}, which is not there; "
                f"build it with `kymflow index`.{did_you_mean(near(name, views.by_name))}\n"
                f"Tables here: {views.listed}",
                dataset=str(views.dataset),
            )


def _column(views: Views, parameter: Parameter, wanted: str) -> str:
    """Return the quoted name of a column, with its table.

    Raises:
        UsageError: If none of the parameter's tables has it.
    """
    listed = []
    known: dict[str, str] = {}
    for table in parameter.tables:
        columns = _columns(views, table)
        listed.append(f"{table} has: {', '.join(columns)}")
        for column in columns:
            place = f"{quoted(table)}.{quoted(column)}"
            known.setdefault(column.lower(), place)
            known[f"{table}.{column}".lower()] = place
    if wanted.lower() not in known:
        hint = did_you_mean(near(wanted, [name for name in known if "." not in name]))
        raise UsageError(
            f"{parameter.name} names no column of {' or '.join(parameter.tables)}: {wanted!r}."
            f"{hint}\n" + "\n".join(listed),
            dataset=str(views.dataset),
        )
    return known[wanted.lower()]


def _columns(views: Views, table: str) -> list[str]:
    from kymflow_zarr.sql.answers import answer

    described = answer(views.only([table]), f"DESCRIBE {quoted(table)}", None, None)
    return described["column_name"].to_list()
