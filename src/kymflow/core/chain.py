"""The whole chain at a glance: traces, events and tables, each with what is due and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.velocity import velocity_status
from kymflow.core.velocity_events import detection_status

if TYPE_CHECKING:
    from kymflow.core.kym_dataset import Indexer, KymDataset


def chain_status(
    kym: KymDataset, indexers: Iterable[Indexer], *, verify: bool = False
) -> list[tuple[str, pl.DataFrame]]:
    """Say what each step of the chain would do, and why; nothing is changed.

    Args:
        kym: The tables.
        indexers: The steps behind the events.
        verify: As for :meth:`KymDataset.staleness`.

    Returns:
        Steps in order, each its name and a frame as of :meth:`KymDataset.staleness`. ``traces``
        stands before the table ``velocity``, and ``events`` before ``velocity_events``; their
        ``n_rows`` are null.
    """
    steps: list[tuple[str, pl.DataFrame]] = []
    no_rows = pl.lit(None, pl.Int64).alias("n_rows")
    for indexer in indexers:
        verdicts = kym.staleness(indexer, verify=verify)
        if indexer.name == "velocity":
            steps.append(("traces", velocity_status(kym.dataset).with_columns(no_rows)))
        if indexer.name == "velocity_events":
            steps.append(("events", detection_status(kym.dataset).with_columns(no_rows)))
        steps.append((indexer.name, verdicts))
    return steps
