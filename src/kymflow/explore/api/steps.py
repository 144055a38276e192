"""What is fresh, what is due, and the steps that bring it up to date."""

from __future__ import annotations

from typing import Any

from kymflow.core.chain import chain_status
from kymflow.core.kym_dataset import available_indexers, load_indexer
from kymflow.core.kym_dataset.overview import count_reasons, label_step
from kymflow.core.plots.style import EVENT_COLOURS, SPARE_COLOUR
from kymflow.core.review.labels import labels_of
from kymflow.core.review.queue import queue_names
from kymflow.explore.api.endpoint import Asked, reads, writes
from kymflow.explore.workspace import Workspace
from kymflow_zarr.errors import TableNotFoundError, UsageError


def _state(workspace: Workspace, _: Asked) -> dict[str, Any]:
    """Tell what all views need to know."""
    return {
        "dataset": str(workspace.dataset.path),
        "name": workspace.dataset.path.stem,
        "reviewer": workspace.reviewer,
        "read_only": workspace.read_only,
        "labels": labels_of(workspace.dataset),
        "queues": queue_names(workspace.dataset),
        "colours": {**EVENT_COLOURS, "": SPARE_COLOUR},
    }


def _status(workspace: Workspace, _: Asked) -> dict[str, Any]:
    steps = chain_status(workspace.kym, [load_indexer(name) for name in available_indexers()])
    rows = [
        row for step, verdicts in steps for row in label_step(step, count_reasons(verdicts)).rows()
    ]
    try:
        failed = workspace.kym.query("failed_runs").head(200).to_dicts()
    except (TableNotFoundError, UsageError):
        failed = []
    return {
        "images": len(workspace.dataset),
        "steps": [list(row) for row in rows],
        "failed": failed,
    }


def _job(workspace: Workspace, _: Asked) -> dict[str, Any] | None:
    job = workspace.jobs.last
    return None if job is None else job.told()


def _start(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    return workspace.jobs.start(asked.text("step")).told()


def _cancel(workspace: Workspace, _: Asked) -> dict[str, Any]:
    workspace.jobs.cancel()
    return {}


READS = [
    reads("/api/state", _state),
    reads("/api/status", _status),
    reads("/api/job", _job),
]
WRITES = [writes("/api/job", _start), writes("/api/job/cancel", _cancel)]
