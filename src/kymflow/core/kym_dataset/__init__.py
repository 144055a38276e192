"""The table engine: survey, decide, extract, commit.

Names are loaded when first used, so that importing this package stays cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kymflow.core.kym_dataset.explain import Explanation, ParamChange
    from kymflow.core.kym_dataset.indexers.artifact import ArtifactIndexer
    from kymflow.core.kym_dataset.indexers.base import BaseIndexer, Indexer
    from kymflow.core.kym_dataset.indexers.images import ImageIndexer
    from kymflow.core.kym_dataset.indexers.registry import available_indexers, load_indexer
    from kymflow.core.kym_dataset.indexers.velocity_events import VelocityEventIndexer
    from kymflow.core.kym_dataset.kym_dataset import KymDataset
    from kymflow.core.kym_dataset.provenance import params_hash, stable_json_dumps
    from kymflow.core.kym_dataset.update.report import UpdateReport
    from kymflow.core.workers.progress import Failure, Progress

_HOMES = {
    "ArtifactIndexer": "indexers.artifact",
    "BaseIndexer": "indexer_base",
    "Explanation": "explain",
    "Failure": "report",
    "ImageIndexer": "indexers.images",
    "Indexer": "indexer_base",
    "KymDataset": "kym_dataset",
    "ParamChange": "explain",
    "Progress": "report",
    "UpdateReport": "report",
    "VelocityEventIndexer": "indexers.velocity_events",
    "available_indexers": "registry",
    "load_indexer": "registry",
    "params_hash": "provenance",
    "stable_json_dumps": "provenance",
}

__all__ = [
    "ArtifactIndexer",
    "BaseIndexer",
    "Explanation",
    "Failure",
    "ImageIndexer",
    "Indexer",
    "KymDataset",
    "ParamChange",
    "Progress",
    "UpdateReport",
    "VelocityEventIndexer",
    "available_indexers",
    "load_indexer",
    "params_hash",
    "stable_json_dumps",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
