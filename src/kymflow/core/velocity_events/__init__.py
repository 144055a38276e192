"""Velocity events: found in traces, with params that each image may have of its own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kymflow.core.velocity_events.detect import DETECTOR_VERSION, detect_events
    from kymflow.core.velocity_events.params import (
        EventParams,
        NanGapParams,
        ParamSpec,
        ZeroGapParams,
        param_specs,
    )

_HOMES = {
    "DETECTOR_VERSION": "detect",
    "EventParams": "params",
    "NanGapParams": "params",
    "ParamSpec": "params",
    "ZeroGapParams": "params",
    "detect_events": "detect",
    "param_specs": "params",
}

__all__ = [
    "DETECTOR_VERSION",
    "EventParams",
    "NanGapParams",
    "ParamSpec",
    "ZeroGapParams",
    "detect_events",
    "param_specs",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
