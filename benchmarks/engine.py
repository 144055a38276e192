"""kymflow's side of every case."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import polars as pl

from benchmarks import answers, late_imports  # noqa: F401
from benchmarks.decision import Decision
from benchmarks.indexers import EventSummary, ParamsOnly
from benchmarks.queries import Query
from benchmarks.work import TABLE, Unavailable, Work
from benchmarks.workload import ONE_IMAGE, Workload
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, UpdateReport, VelocityEventIndexer
from kymflow.core.kym_dataset.indexers.base import Indexer
from kymflow.core.kym_dataset.update.decide import decide as engine_decide
from kymflow_zarr import ZarrDataset


class NextVersion(VelocityEventIndexer):
    """The indexer after its analysis_version was raised."""

    version = "kymflow.velocity_events@next"


def full_build(place: Path) -> Work:
    """Build the table of events from nothing."""
    return _update(place, VelocityEventIndexer(), mode="replace", due=_all(place))


def incremental(place: Path) -> Work:
    """Bring the table of events up to date."""
    workload = Workload.open(place)
    due = len(workload.changed_ids(workload.change))
    return _update(place, VelocityEventIndexer(), mode="incremental", due=due)


def incremental_by_id(place: Path) -> Work:
    """Bring one image's events up to date, named by its id."""
    ids = Workload.open(place).changed_ids(ONE_IMAGE)
    return _update(place, VelocityEventIndexer(), mode="incremental", due=1, image_ids=ids)


def version_bump(place: Path) -> Work:
    """Bring the table of events up to date after the analysis_version was raised."""
    return _update(place, NextVersion(), mode="incremental", due=_all(place))


def images_build(place: Path) -> Work:
    """Build the table of images from nothing."""
    return _update(place, ImageIndexer(), mode="replace", due=_all(place))


def per_image(place: Path) -> Work:
    """Build a table with an indexer of two verbs."""
    return _update(place, ParamsOnly(), mode="replace", due=_all(place))


def per_image_two_workers(place: Path) -> Work:
    """Build a table with a slow indexer of two verbs, on two processes."""
    if "workers" not in inspect.signature(KymDataset.update_index).parameters:
        raise Unavailable("update_index has no keyword `workers` here")
    return _update(place, EventSummary(), mode="replace", due=_all(place), workers=2)


def staleness(place: Path) -> Work:
    """Find what is stale, with nothing stale."""
    kym = _open(place)
    return Work(lambda: kym.staleness(VelocityEventIndexer()))


def decide(place: Path) -> Work:
    """Decide what is stale among many images, from a given survey."""
    case = Decision.open(place)
    survey, ledger, tables = case.survey(), case.ledger, case.dataset.tables

    def check(decision: pl.DataFrame) -> str:
        return answers.of_frame(decision.group_by("action", "reason").len())

    return Work(lambda: engine_decide(survey, tables, TABLE, ledger.load(), case.version), check)


def query(place: Path, name: str) -> Work:
    """Answer a query."""
    kym, question = _open(place), Query(name)
    text, params = question.text, question.params(place)
    return Work(lambda: kym.sql(text, params), answers.of_frame)


def _open(place: Path) -> KymDataset:
    return KymDataset(ZarrDataset(Workload.open(place).dataset, mode="a"))


def _all(place: Path) -> int:
    return Workload.open(place).images


def _update(
    place: Path,
    indexer: Indexer,
    *,
    mode: Literal["replace", "incremental"],
    due: int,
    image_ids: Sequence[str] | None = None,
    **keywords: Any,
) -> Work:
    """Return an update that must update exactly so many images."""
    kym = _open(place)

    def answer(report: UpdateReport) -> str:
        if report.updated != due or report.failed:
            raise RuntimeError(f"{due} images should have been updated: {report.summary}")
        if report.table != TABLE:
            return report.table
        return answers.of_events(kym.dataset.load_table(TABLE))

    return Work(
        lambda: kym.update_index(indexer, mode=mode, image_ids=image_ids, **keywords), answer
    )
