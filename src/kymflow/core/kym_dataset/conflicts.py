"""Columns of one name and different types: what most images hold goes, the odd ones fail alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import polars as pl

from kymflow_zarr.frames import common_dtype

_MANY = 1 << 60


class _Held(NamedTuple):
    """A column as one source holds it."""

    place: int
    name: str
    dtype: pl.DataType


def conflicting_columns(
    sources: Sequence[pl.LazyFrame], table: pl.LazyFrame | None = None
) -> list[dict[str, str]]:
    """Find the columns that can't stand in one table with the others' of their name.

    Args:
        sources: New rows, each with its ``image_id``.
        table: Old rows that stay; what they hold goes.

    Returns:
        For each source its odd columns, each with what is wrong.
    """
    frames = [*sources, *([] if table is None else [table])]
    held: dict[str, list[_Held]] = {}
    for place, frame in enumerate(frames):
        for name, dtype in frame.collect_schema().items():
            held.setdefault(name.lower(), []).append(_Held(place, name, dtype))
    odd: list[dict[str, str]] = [{} for _ in frames]
    for columns in held.values():
        if _misfits(columns):
            ranked = _ranked(columns, frames, last_goes=table is not None)
            for column, why in _misfits(ranked).items():
                odd[column.place][column.name] = why
    return odd[: len(sources)]


def affected_images(sources: Sequence[pl.LazyFrame], odd: Sequence[Mapping[str, str]]) -> set[str]:
    """Return the images that hold something in an odd column.

    Args:
        sources: Rows, each with its ``image_id``.
        odd: For each source its odd columns.
    """
    return {
        image_id
        for rows, columns in zip(sources, odd, strict=True)
        if columns
        for image_id in without(rows.collect(), columns)[1]
    }


def without(rows: pl.DataFrame, odd: Mapping[str, str]) -> tuple[pl.DataFrame, dict[str, str]]:
    """Return rows less their odd columns and less the images that hold something there.

    Args:
        rows: Rows with their ``image_id``.
        odd: Odd columns, each with what is wrong.

    Returns:
        The other rows, and for each image that is out what is wrong with it.
    """
    out: dict[str, str] = {}
    for name, why in odd.items():
        holders = rows.filter(pl.col(name).is_not_null())["image_id"].unique(maintain_order=True)
        out.update(dict.fromkeys(set(holders) - set(out), why))
    return rows.filter(~pl.col("image_id").is_in(list(out))).drop(*odd), out


def _misfits(columns: Sequence[_Held]) -> dict[_Held, str]:
    """Return those of a column's holders that don't fit the ones before them."""
    _, name, dtype = columns[0]
    misfits = {}
    for column in columns:
        common = common_dtype(dtype, column.dtype) if column.name == name else None
        if common is not None:
            dtype = common
        elif column.name == name:
            misfits[column] = f"column {name!r} holds {column.dtype} and other images' {dtype}"
        else:
            misfits[column] = f"column {column.name!r} is {name!r} for other images"
    return misfits


def _ranked(
    columns: Sequence[_Held], frames: Sequence[pl.LazyFrame], *, last_goes: bool
) -> list[_Held]:
    """Return a column's holders by how many images hold something there, those of the most first.

    Args:
        columns: The holders.
        frames: The rows they stand for.
        last_goes: Whether the last frame comes before all others if it holds anything.
    """
    images: Counter[tuple[str, pl.DataType]] = Counter()
    for place, name, dtype in columns:
        holders = frames[place].filter(pl.col(name).is_not_null())
        found = holders.select(pl.col("image_id").n_unique()).collect().item()
        first = last_goes and place == len(frames) - 1 and found
        images[name, dtype] += _MANY if first else found
    return sorted(columns, key=lambda column: images[column.name, column.dtype], reverse=True)
