"""What the kinds of plots share: the data as they are drawn, channels, labels, notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import altair as alt
import polars as pl

from kymflow.core.plots.columns import SERIES, Columns, is_kind
from kymflow.core.plots.style import FIRST
from kymflow.core.units import label
from kymflow_zarr.errors import UsageError
from kymflow_zarr.frames import named

Type = Literal["quantitative", "temporal", "nominal"]

WIDTH, HEIGHT = 640, 360
_MOST_MS = 8_200_000_000_000_000  # the year 261,000; Polars and JavaScript end soon after


@dataclass(slots=True)
class Drawing:
    """A plot in the making.

    Attributes:
        frame: The data under the channels' names x, y and color, see :func:`prepared`.
        names: The columns behind the channels.
        types: The channels' Vega-Lite types.
        width: Of the plot, px; None for what fits the kind.
        height: As the width.
        labels: What stands for some columns in place of their names.
        notes: What is left out or summed up.
    """

    frame: pl.DataFrame
    names: dict[str, str]
    types: dict[str, Type]
    width: int | None
    height: int | None
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def size(self) -> dict[str, int]:
        """Return the plot's size where the kind has no wish of its own."""
        return {"width": self.width or WIDTH, "height": self.height or HEIGHT}

    def title(self, channel: str) -> str:
        """Return the label of a channel."""
        name = self.names[channel]
        return self.labels.get(name) or label(name)

    def axis(self, channel: str) -> alt.Axis:
        """Return the axis of a channel; whole numbers get no ticks between them."""
        whole = self.frame.schema[channel].is_integer()
        return alt.Axis(tickMinStep=1) if whole else alt.Axis()

    def drop_missing(self, *channels: str) -> None:
        """Leave out rows without a value, and note it.

        Raises:
            UsageError: If none is left.
        """
        kept = self.frame.drop_nulls(list(channels))
        gone = self.frame.height - kept.height
        if kept.is_empty():
            columns = " and ".join(repr(self.names[channel]) for channel in channels)
            raise UsageError(f"no rows to plot: none has a finite value of {columns}")
        if gone:
            self.notes.append(f"{gone:,} of {self.frame.height:,} rows without a value left out")
        self.frame = kept

    def color(self, default: str = FIRST) -> Any:
        """Return the colour channel; a single colour where nothing is told by it."""
        if "color" not in self.names:
            return alt.value(default)
        if self.types["color"] != "nominal":
            return alt.Color("color", type=self.types["color"], title=self.title("color"))
        kinds = self.frame["color"].n_unique()
        if kinds > SERIES:
            self.notes.append(f"{kinds:,} kinds of {self.names['color']}, too many for a legend")
            return alt.Color("color", type="nominal", legend=None)
        order = self.frame["color"].unique().sort().to_list()
        return alt.Color("color", type="nominal", title=self.title("color"), sort=order)

    def tooltips(self, **more: str) -> list[alt.Tooltip]:
        """List the tooltip's fields: the channels, and further fields by title."""
        shown = [
            alt.Tooltip(channel, type=self.types[channel], title=_plain(self.title(channel)))
            for channel in self.names
            if channel in self.frame.columns
        ]
        return [*shown, *(alt.Tooltip(f"{field}:Q", title=title) for field, title in more.items())]


def _plain(title: str) -> str:
    """Return a field's title in a tooltip; Vega makes a picture or a heading of these two."""
    return f"{title}\N{NO-BREAK SPACE}" if title in ("image", "title") else title


def begin(
    frame: pl.DataFrame,
    columns: Columns,
    width: int | None,
    height: int | None,
    *,
    shades: bool,
    labels: Mapping[str, str] | None = None,
    numbered: bool = False,
) -> Drawing:
    """Return a drawing of these columns: numbers finite or null, times without their zone.

    Args:
        frame: The data.
        columns: Those to draw.
        width: As asked for.
        height: As asked for.
        shades: Whether a number told by colour is one, rather than the name of a kind.
        labels: What stands for some columns in place of their names.
        numbered: Whether to keep each row's number, from 0, as the column ``row``.
    """
    types = {channel: _type(name, frame.schema[name]) for channel, name in columns.named.items()}
    if not shades and "color" in types:
        types["color"] = "nominal"
    shown = frame.select(
        _prepared(named(name), frame.schema[name], types[channel]).alias(channel)
        for channel, name in columns.named.items()
    )
    if numbered:
        shown = shown.with_columns(row=pl.int_range(pl.len()).cast(pl.String))
    drawing = Drawing(shown, columns.named, types, width, height, labels or {})
    for channel, name in columns.named.items():
        lost = shown[channel].null_count() - frame[name].null_count()
        if types[channel] == "temporal" and lost:
            drawing.notes.append(f"{lost:,} times of {name} beyond the calendar left out")
    return drawing


def values(frame: pl.DataFrame) -> alt.InlineData:
    """Return rows as Vega-Lite takes them."""
    times = [name for name, dtype in frame.schema.items() if dtype.is_temporal()]
    written = frame.with_columns(pl.col(times).dt.to_string("%Y-%m-%dT%H:%M:%S%.3f"))
    return alt.InlineData(values=written.to_dicts())


def _type(name: str, dtype: pl.DataType) -> Type:
    if dtype.is_temporal():
        return "temporal"
    return "nominal" if is_kind(name, dtype) else "quantitative"


def _prepared(column: pl.Expr, dtype: pl.DataType, type_: Type) -> pl.Expr:
    if type_ == "temporal":
        known = pl.when(_within_calendar(column.to_physical(), dtype)).then(column)
        zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
        return (known.dt.replace_time_zone(None) if zoned else known).cast(pl.Datetime("ms"))
    if type_ == "nominal":
        return column.cast(pl.String).fill_null("(none)")
    if dtype.is_integer():
        return column
    number = column.cast(pl.Float64)
    return pl.when(number.is_finite()).then(number)


def _within_calendar(number: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Tell which times are neither infinite nor so far away that Polars can't write them."""
    unit = dtype.time_unit if isinstance(dtype, pl.Datetime) else None
    most = {
        "us": _MOST_MS * 1000,
        "ms": _MOST_MS,
        "ns": (1 << 63) - 2,
        None: _MOST_MS // 86_400_000,
    }
    return number.is_between(-most[unit], most[unit])
