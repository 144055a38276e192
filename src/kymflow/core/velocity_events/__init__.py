"""Velocity events: found in traces, with params that each image may have of its own."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kymflow.core.artifacts.trace import load_trace
    from kymflow.core.velocity_events.dataset import detect_dataset
    from kymflow.core.velocity_events.detect import DETECTOR_VERSION, detect_events
    from kymflow.core.velocity_events.image import detect_image
    from kymflow.core.velocity_events.image_params import diff_params, get_params, set_params
    from kymflow.core.velocity_events.params import (
        EventParams,
        NanGapParams,
        ParamSpec,
        ZeroGapParams,
        param_specs,
    )
    from kymflow.core.velocity_events.report import DetectReport, KeptEvent

_HOMES = {
    "DETECTOR_VERSION": "detect",
    "DetectReport": "report",
    "EventParams": "params",
    "KeptEvent": "report",
    "NanGapParams": "params",
    "ParamSpec": "params",
    "ZeroGapParams": "params",
    "detect_dataset": "dataset",
    "detect_events": "detect",
    "detect_image": "image",
    "diff_params": "image_params",
    "get_params": "image_params",
    "load_trace": "image",
    "param_specs": "params",
    "set_params": "image_params",
}

__all__ = [
    "DETECTOR_VERSION",
    "DetectReport",
    "EventParams",
    "KeptEvent",
    "NanGapParams",
    "ParamSpec",
    "ZeroGapParams",
    "detect_dataset",
    "detect_events",
    "detect_image",
    "diff_params",
    "get_params",
    "load_trace",
    "param_specs",
    "set_params",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
