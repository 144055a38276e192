"""The answers of named queries, drawn as the queries declare."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from kymflow.core.plots.chart import plot
from kymflow.core.queries.header import NamedQuery
from kymflow.core.queries.library import fill, named_query
from kymflow.core.units import label

if TYPE_CHECKING:
    import altair as alt

    from kymflow.core.kym_dataset import KymDataset
    from kymflow_zarr.tables.types import AsOf


def plot_query(
    kym: KymDataset,
    name: str,
    params: Mapping[str, object] | None = None,
    *,
    kind: str | None = None,
    x: str | None = None,
    y: str | None = None,
    color: str | None = None,
    title: str | None = None,
    width: int | None = None,
    height: int | None = None,
    timeout: float | None = None,
    at: AsOf = None,
) -> alt.Chart | alt.LayerChart:
    """Ask a named query, and draw its answer.

    The query declares kind, axes, colour and units under ``Plot`` and ``Units``; its summary is
    the title. What is given here goes before. Of another kind of plot, the axes are guessed as in
    :func:`kymflow.core.plots.plot`::

        save(plot_query(kym, "event_rate", {"by": "depth"}), Path("rate.png"))

    Args:
        kym: The dataset's tables.
        name: Of the query.
        params: Values for some of its parameters.
        kind: As in :func:`kymflow.core.plots.plot`, and so are those that follow.
        x: The column on the x axis.
        y: The column on the y axis.
        color: The column that colours stand for.
        title: The plot's title; empty for none.
        width: Of the plot without axes and legend, px.
        height: Of the plot without axes and legend, px.
        timeout: Seconds that the query may take.
        at: Ask the tables as they were at this version or moment.

    Returns:
        The chart, ready for :func:`kymflow.core.plots.save` or a notebook.

    Raises:
        UsageError: If there is no such query or parameter, a value does not fit, or the answer has
            no rows.
        TableNotFoundError: If a table that it reads was not built yet.
        QueryError: If it can't be answered.
        MissingExtraError: If Altair is not installed.
    """
    query = named_query(name)
    given = dict(params or {})
    sql, values = fill(kym.dataset, name, given)
    frame = kym.sql(sql, values or None, timeout=timeout, at=at)
    axes = query.axes
    if kind is None or kind == axes.kind:
        kind = axes.kind
        if not (x or y or color):  # what is not declared is not to be guessed either
            frame = frame.select(filter(None, (axes.x, axes.y, axes.colour)))
        x, y, color = x or axes.x, y or axes.y, color or axes.colour
    return plot(
        frame,
        kind,
        x=x,
        y=y,
        color=color,
        title=query.summary.removesuffix(".") if title is None else title,
        width=width,
        height=height,
        labels=_labels(query, given),
    )


def _labels(query: NamedQuery, given: Mapping[str, object]) -> dict[str, str]:
    """Title the axes of columns whose units the query declares."""
    named = {
        f"{{{each.name}}}": str(given.get(each.name, each.default)).rpartition(".")[2]
        for each in query.parameters
        if each.kind == "column"
    }
    return {column: _label(column, unit, named.get(unit)) for column, unit in query.units.items()}


def _label(column: str, unit: str, named: str | None) -> str:
    """Title a column: ``events per ROI (1/min)``, ``median strength``."""
    if named is None:
        words = column.removesuffix("_" + ("percent" if unit == "%" else unit.rpartition("/")[2]))
        return f"{re.sub(r'(?<![^_])roi(?![^_])', 'ROI', words).replace('_', ' ')} ({unit})"
    return label(named) if column in ("group", "value") else f"{column} {label(named)}"
