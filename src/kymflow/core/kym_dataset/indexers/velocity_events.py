"""The velocity events of every image, one row an event: table ``kym_velocity_events``."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import polars as pl

from kymflow.core.event_schema import COLUMN_ALIASES, EVENT_SCHEMA
from kymflow.core.kym_dataset.indexers.artifact import ArtifactIndexer

DEFAULT_PARAMS: Mapping[str, Any] = MappingProxyType(
    {
        "win_cmp_sec": 0.25,
        "smooth_sec": 0.1,
        "min_valid_per_side": None,
        "mad_k": 3.0,
        "abs_score_floor": 0.25,
        "merge_gap_sec": 0.10,
        "top_k_total": 2,
        "min_sep_sec": 0.75,
        "nan_gap": {
            "nan_win_sec": 0.10,
            "enter_frac": 0.40,
            "exit_frac": 0.20,
            "min_duration_sec": 0.2,
            "merge_gap_sec": 0.05,
        },
        "zero_gap": {"eps0": 0.0},
    }
)
"""Params of events whose image holds none: the detector's documented defaults; times in s,
``abs_score_floor`` in mm/s."""


class VelocityEventIndexer(ArtifactIndexer):
    """Index the velocity events of each image.

    Reads the params at ``velocity_events/params`` and the events at ``velocity_events/events``,
    or at ``velocity_events`` in datasets of the earlier kymflow.
    """

    name = "velocity_events"
    version: ClassVar[str] = "kymflow.velocity_events@0.1"
    params_artifact: ClassVar[str] = "velocity_events/params"
    default_params: ClassVar[Mapping[str, Any]] = DEFAULT_PARAMS
    rows_artifacts: ClassVar[tuple[str, ...]] = ("velocity_events/events", "velocity_events")
    schema: ClassVar[Mapping[str, pl.DataType]] = EVENT_SCHEMA
    aliases: ClassVar[Mapping[str, str]] = COLUMN_ALIASES
