"""Bring an artifact's rows to a declared schema: names, dtypes, order."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from kymflow_zarr.frames import named, without_index


def conform(
    rows: pl.DataFrame, schema: Mapping[str, pl.DataType], aliases: Mapping[str, str]
) -> pl.DataFrame:
    """Return rows with the declared columns first, in order, and all others behind them.

    Whole numbers kept as floats, as pandas does where a null crept in, become integers again, and
    NaN in such a column null. An index of pandas is left out.

    Args:
        rows: The rows as an artifact holds them.
        schema: The declared columns and their dtypes; absent ones become nulls.
        aliases: Older column names, each with today's; one is used where today's is absent.

    Raises:
        ValueError: If a column can't be brought to its dtype; the message names it.
    """
    rows = without_index(rows, from_pandas=True)
    renames = {
        old: new for old, new in aliases.items() if old in rows.columns and new not in rows.columns
    }
    rows = rows.rename(renames)
    declared = [
        _cast(rows[name].alias("values"), name, dtype).alias(name)
        if name in rows.columns
        else pl.Series(name, [None], dtype=dtype).new_from_index(0, rows.height)
        for name, dtype in schema.items()
    ]
    others = [rows[name] for name in rows.columns if name not in schema]
    return pl.DataFrame([*declared, *others])


def _cast(column: pl.Series, name: str, dtype: pl.DataType) -> pl.Series:
    if column.dtype == dtype:
        return column
    if column.dtype.is_float() and dtype == pl.String:
        return _float_texts(column)
    if column.dtype.is_float() and dtype.is_integer():
        column = column.fill_nan(None)
        if not (column.drop_nulls() % 1 == 0).all():
            raise ValueError(f"column {name!r} must hold whole numbers and holds fractions")
    unlike = f"column {name!r} is {column.dtype} and can't be read as {dtype}"
    try:
        typed = column.cast(dtype, strict=True)
    except pl.exceptions.PolarsError as error:
        raise ValueError(unlike) from error
    if typed.dtype != dtype:  # Polars casts what is within lists and structs
        raise ValueError(unlike)
    return typed


def _float_texts(column: pl.Series) -> pl.Series:
    """Return numbers as texts, value by value: 1.0 as "1", 1.5 as "1.5", NaN as null."""
    number = named(column.name)
    whole = number.cast(pl.Int64, strict=False)
    text = pl.when(number == whole).then(whole.cast(pl.String)).otherwise(number.cast(pl.String))
    return column.fill_nan(None).to_frame().select(text.alias(column.name)).to_series()
