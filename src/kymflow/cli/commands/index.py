"""``kymflow index``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Literal

import click

from kymflow.cli.errors import FAILED, named_images, warn
from kymflow.cli.options import (
    chosen_executor,
    dataset_argument,
    image_options,
    indexers_argument,
    load_indexers,
    mode_option,
    open_tables,
    picked_images,
    tell_of_older_traces,
    worker_options,
)
from kymflow.cli.output import Output
from kymflow.cli.results import suggest, tell_report
from kymflow.cli.watching import keep_on, watch_options

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from kymflow.core.kym_dataset import Indexer, KymDataset
    from kymflow.core.watch import Look
    from kymflow.core.workers.progress import Failure

_NAMED = 3
"""Of many images that fail alike, how many are named."""


@click.command("index")
@dataset_argument
@indexers_argument
@mode_option("incremental makes stale images again, replace makes all.")
@click.option(
    "--verify", is_flag=True, help="Read and hash every file and row, whatever is on record."
)
@click.option(
    "--changed",
    is_flag=True,
    help="Look only at images that the journal names as written to by kymflow since. What other "
    "programs wrote is found without this option.",
)
@click.option(
    "--journal/--no-journal",
    default=None,
    help="Keep a journal of what kymflow writes to images, from now on, or no longer.",
)
@image_options
@worker_options
@watch_options
@click.option("--dry-run", is_flag=True, help="Say what would be done, and do nothing.")
@click.pass_context
def command(
    ctx: click.Context,
    path: Path,
    indexers: tuple[str, ...],
    mode: Literal["incremental", "replace"],
    verify: bool,
    changed: bool,
    journal: bool | None,
    images: tuple[str, ...],
    where: str | None,
    workers: int | None,
    dask: str | None,
    watch: bool,
    every: float,
    poll: bool | None,
    dry_run: bool,
) -> None:
    """Bring tables up to date: make again what is stale.

    What is fresh is skipped, rows of deleted images are pruned. An image that fails is listed
    and keeps its old rows.
    """
    from kymflow.cli.progress import update_bar

    if (changed or watch) and (images or where or verify or dry_run or mode != "incremental"):
        raise click.UsageError(
            f"{'--changed' if changed else '--watch'} takes the images from the journal: it goes "
            f"with none of --images, --where, --mode, --verify and --dry-run"
        )
    if dry_run and journal is not None:
        raise click.UsageError("--dry-run changes nothing, --journal and --no-journal do")
    kym = open_tables(path, writing=not dry_run)
    if journal is not None:
        kym.dataset.journal.turn_on() if journal else kym.dataset.journal.turn_off()
    chosen = load_indexers(indexers)
    image_ids = picked_images(kym.dataset, images, where)
    failed = did = False
    if dry_run:
        from kymflow.core.kym_dataset.overview import count_reasons, label_step

        for indexer in chosen:
            verdicts = kym.staleness(indexer, image_ids=image_ids, mode=mode, verify=verify)
            Output().print(label_step(indexer.name, count_reasons(verdicts)))
        return
    with chosen_executor(workers, dask) as executor:
        if watch:
            work = partial(_look_again, kym, chosen, workers, executor)
            keep_on(kym.dataset, work, every=every, poll=poll)
            return
        for indexer in chosen:
            with update_bar(indexer.name) as progress:
                report = kym.update_index(
                    indexer,
                    mode=mode,
                    image_ids=image_ids,
                    on_error="record",
                    progress=progress,
                    workers=workers,
                    executor=executor,
                    verify=verify,
                    changed=changed,
                )
            tell_report(report)
            _warn_of(kym, report.failures)
            failed = failed or bool(report.failures)
            did = did or bool(report.updated or report.pruned)
            if indexer.name == "velocity_events":
                _tell_of_older_traces(kym, image_ids if report.noted is None else report.noted_ids)
    if failed:
        ctx.exit(FAILED)
    if did:
        suggest(f"kymflow queries; kymflow explore {quote(str(path))}")


def _look_again(
    kym: KymDataset,
    indexers: Sequence[Indexer],
    workers: int | None,
    executor: Executor | None,
    look: Look,
) -> str:
    """Update all tables, at what the journal names or at everything; return what was done."""
    done: list[str] = []
    for indexer in indexers:
        report = kym.update_index(
            indexer,
            mode="incremental",
            on_error="record",
            workers=workers,
            executor=executor,
            changed=not look.is_whole,
        )
        _warn_of(kym, report.failures)
        if indexer.name == "velocity_events" and report.noted:
            _tell_of_older_traces(kym, report.noted_ids)
        if report.updated or report.pruned or report.failed:
            done.append(
                f"{indexer.name} updated={report.updated} pruned={report.pruned} "
                f"failed={report.failed}"
            )
    return "; ".join(done)


def _tell_of_older_traces(kym: KymDataset, image_ids: Sequence[str] | None) -> None:
    from kymflow.core.artifacts.detection import events_of_older_traces

    asked = kym.dataset.list_image_ids() if image_ids is None else image_ids
    tell_of_older_traces(events_of_older_traces(kym.dataset, asked))


def _warn_of(kym: KymDataset, failures: Sequence[Failure]) -> None:
    """Print each message once, with the images it is about: of many the first ones by name."""
    images: dict[str, list[str]] = {}
    for failure in failures:
        images.setdefault(failure.message, []).append(failure.image_id)
    for message, ids in images.items():
        more = f" and {len(ids) - _NAMED:,} images more" if len(ids) > _NAMED else ""
        warn(f"{named_images(kym.dataset, ids[:_NAMED])}{more}: {message}", kind="failed")
