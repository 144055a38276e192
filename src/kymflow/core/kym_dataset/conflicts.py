"""Columns that can't stand in one table: what most images hold wins, the odd ones fail alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import polars as pl
import polars.selectors as cs

from kymflow_zarr.errors import UsageError
from kymflow_zarr.frames import check_column_names, common_dtype, named, storable, survives

_MANY = 1 << 60


class Odd(NamedTuple):
    """What is wrong with a column of some rows.

    Attributes:
        why: Said of each image that holds something odd there.
        dtype: The type that the other images' values are brought to; None where every value is
            odd.
    """

    why: str
    dtype: pl.DataType | None = None


class _Held(NamedTuple):
    """A column as one source holds it."""

    place: int
    name: str
    dtype: pl.DataType


def stored(rows: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, str]]:
    """Bring rows into the types that a table holds.

    Args:
        rows: Rows with their ``image_id``.

    Returns:
        The rows less the images that hold what no table does, and for each of these what is wrong
        with it.
    """
    try:
        return storable(rows), {}
    except UsageError:
        pass
    odd: dict[str, Odd] = {}
    seen: list[str] = []
    for name in rows.columns:
        try:
            storable(rows.select(cs.by_name(name)))
            check_column_names([*seen, name])
        except UsageError as error:
            odd[name] = Odd(error.message)
        else:
            seen.append(name)
    rest, out = without(rows, odd)
    return storable(rest), out


def conflicting_columns(
    sources: Sequence[pl.LazyFrame], table: pl.LazyFrame | None = None
) -> list[dict[str, Odd]]:
    """Find the columns that can't stand in one table with the others' of their name.

    Args:
        sources: New rows, each with its ``image_id``.
        table: Old rows that stay; what they hold wins.

    Returns:
        For each source its odd columns, each with what is wrong.
    """
    frames = [*sources, *([] if table is None else [table])]
    held: dict[str, list[_Held]] = {}
    for place, frame in enumerate(frames):
        for name, dtype in frame.collect_schema().items():
            held.setdefault(name.lower(), []).append(_Held(place, name, dtype))
    odd: list[dict[str, Odd]] = [{} for _ in frames]
    for columns in held.values():
        if len({column[1:] for column in columns}) > 1 and _odd_of(columns, frames):
            ranked = _ranked(columns, frames, last_wins=table is not None)
            for column, why in _odd_of(ranked, frames).items():
                odd[column.place][column.name] = why
    return odd[: len(sources)]


def fit_together(schemas: Iterable[Mapping[str, pl.DataType]]) -> bool:
    """Tell by their columns alone whether rows can be put into one table as they are."""
    held: dict[str, set[tuple[str, pl.DataType]]] = {}
    for schema in schemas:
        for name, dtype in schema.items():
            held.setdefault(name.lower(), set()).add((name, dtype))
    return all(len(columns) == 1 for columns in held.values())


def fitted(frames: Sequence[pl.DataFrame]) -> tuple[list[pl.DataFrame], dict[str, str]]:
    """Return frames that can be put under one another.

    Args:
        frames: Rows, each with its ``image_id``.

    Returns:
        The frames less the images whose columns don't fit the others', and for each of these what
        is wrong with it.
    """
    parts = [
        without(frame, odd)
        for frame, odd in zip(frames, conflicting_columns([f.lazy() for f in frames]), strict=True)
    ]
    return [rest for rest, _ in parts], {i: why for _, out in parts for i, why in out.items()}


def affected_images(sources: Sequence[pl.LazyFrame], odd: Sequence[Mapping[str, Odd]]) -> set[str]:
    """Return the images that hold something odd.

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


def without(rows: pl.DataFrame, odd: Mapping[str, Odd]) -> tuple[pl.DataFrame, dict[str, str]]:
    """Return rows less the images that hold something odd, their columns brought to what fits.

    Args:
        rows: Rows with their ``image_id``.
        odd: Odd columns, each with what is wrong.

    Returns:
        The other rows, and for each image that is out what is wrong with it.
    """
    out: dict[str, str] = {}
    for name, (why, dtype) in odd.items():
        bad = named(name).is_not_null()
        if dtype is not None:
            bad = ~survives(named(name), rows.schema[name], dtype)
        holders = rows.filter(bad)["image_id"].unique(maintain_order=True)
        out.update(dict.fromkeys(set(holders) - set(out), why))
    rest = rows.filter(~pl.col("image_id").is_in(list(out)))
    rest = rest.with_columns(
        named(name).cast(dtype) for name, (_, dtype) in odd.items() if dtype is not None
    )
    gone = [name for name, (_, dtype) in odd.items() if dtype is None]
    return rest.drop(cs.by_name(*gone)), out


def _odd_of(columns: Sequence[_Held], frames: Sequence[pl.LazyFrame]) -> dict[_Held, Odd]:
    """Return those of a column's holders that don't fit the ones before them."""
    _, name, dtype = columns[0]
    fitting: list[_Held] = []
    odd = {}
    for column in columns:
        if column.name != name:
            odd[column] = Odd(f"column {column.name!r} is {name!r} for other images")
            continue
        unlike = f"column {name!r} holds {column.dtype} and other images' {dtype}"
        common = common_dtype(dtype, column.dtype)
        if common is None:
            odd[column] = Odd(f"{unlike}, which have no common type")
        elif not all(_survives(other, common, frames) for other in fitting):
            odd[column] = Odd(f"{unlike}, which holds values that {common} can't")
        elif _survives(column, common, frames):
            fitting.append(column)
            dtype = common
        else:
            odd[column] = Odd(f"{unlike}, which can't hold one of its values", common)
            dtype = common
    return odd


def _survives(column: _Held, common: pl.DataType, frames: Sequence[pl.LazyFrame]) -> bool:
    """Tell whether every value of a column stays what it is in another type."""
    if column.dtype == common:
        return True
    kept = survives(named(column.name), column.dtype, common).all()
    return bool(frames[column.place].select(kept).collect().item())


def _ranked(
    columns: Sequence[_Held], frames: Sequence[pl.LazyFrame], *, last_wins: bool
) -> list[_Held]:
    """Return a column's holders by how many images hold something there, those of the most first.

    Args:
        columns: The holders.
        frames: The rows they stand for.
        last_wins: Whether the last frame comes before all others if it holds anything.
    """
    images: Counter[tuple[str, pl.DataType]] = Counter()
    for place, name, dtype in columns:
        holders = frames[place].filter(named(name).is_not_null())
        found = holders.select(pl.col("image_id").n_unique()).collect().item()
        first = last_wins and place == len(frames) - 1 and found
        images[name, dtype] += _MANY if first else found
    return sorted(columns, key=lambda column: images[column.name, column.dtype], reverse=True)
