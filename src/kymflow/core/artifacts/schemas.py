"""The frames of events, of traces in figures, and of verdicts: their columns and dtypes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from kymflow.core.artifacts.columns import EVENT_COLUMNS, VELOCITY_COLUMNS, VERDICT_COLUMNS

_DTYPES: Mapping[str, pl.DataType] = {
    "BOOLEAN": pl.Boolean(),
    "INTEGER": pl.Int32(),
    "BIGINT": pl.Int64(),
    "DOUBLE": pl.Float64(),
    "VARCHAR": pl.String(),
    "TIMESTAMP WITH TIME ZONE": pl.Datetime("us", "UTC"),
}


def _schema(columns: Mapping[str, str]) -> Mapping[str, pl.DataType]:
    return MappingProxyType({name: _DTYPES[type_] for name, type_ in columns.items()})


EVENT_SCHEMA = _schema(EVENT_COLUMNS)
VELOCITY_SCHEMA = _schema(VELOCITY_COLUMNS)
VERDICT_SCHEMA = _schema(VERDICT_COLUMNS)
