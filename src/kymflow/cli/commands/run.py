"""``kymflow run``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from kymflow.cli.errors import FAILED, remark, warn_of_failures
from kymflow.cli.fields import check_fields, fields_option, set_fields_of_new
from kymflow.cli.options import (
    FolderPath,
    chosen_executor,
    dataset_argument,
    load_indexers,
    open_dataset,
    scale_options,
    worker_options,
)
from kymflow.cli.output import Output
from kymflow.cli.results import Report, tell_report
from kymflow.cli.watching import keep_on, watch_options

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from kymflow_zarr import ZarrDataset


@click.command("run")
@click.argument("folder", type=FolderPath(), help="The lab folder.")
@dataset_argument
@fields_option
@scale_options
@worker_options
@watch_options
@click.pass_context
def command(
    ctx: click.Context,
    folder: Path,
    path: Path,
    fields: str | None,
    seconds_per_line: float | None,
    um_per_pixel: float | None,
    workers: int | None,
    dask: str | None,
    watch: bool,
    every: float,
    poll: bool | None,
) -> None:
    """Do the whole job: from a lab folder to tables.

    Import what is new, measure velocities in the pixels, detect events, bring every table up to
    date. Each step does only what is due, so that a second run on an unchanged folder does nothing.
    What fails is listed and does not stop the rest. With --watch the dataset keeps a journal from
    then on, and files that come into the folder are imported once it is quiet for two seconds.
    """
    from kymflow.cli.progress import import_bar
    from kymflow.core.lab_folder import import_folder
    from kymflow.core.watch import Look

    check_fields(fields)
    with chosen_executor(workers, dask) as executor:

        def take_in() -> _Done:
            with import_bar() as told:
                imported = import_folder(
                    folder,
                    path,
                    workers=workers,
                    executor=executor,
                    seconds_per_line=seconds_per_line,
                    um_per_pixel=um_per_pixel,
                    progress=told,
                )
            did = bool(imported.added or imported.updated)
            failed = warn_of_failures(imported.failures)
            return _Done(imported, did, failed + set_fields_of_new(path, imported, fields))

        imported = take_in()
        tell_report(imported.report)
        dataset = open_dataset(path, writing=True)
        steps = _Steps(dataset, workers, executor)
        if watch:
            dataset.journal.turn_on()
            was_taken_in = True

            def look_again(look: Look) -> str:
                nonlocal was_taken_in
                done = [] if look is Look.NOTED or was_taken_in else [take_in()]
                was_taken_in = False
                done += steps.all(whole=look.is_whole, journal=True)
                return "; ".join(each.report.summary for each in done if each.did or each.failed)

            keep_on(dataset, look_again, every=every, poll=poll, folder=folder)
            return
        failed = imported.failed
        for done in steps.all():
            tell_report(done.report)
            failed += done.failed
    _close(dataset, failed)
    if failed:
        ctx.exit(FAILED)


class _Done(NamedTuple):
    """What a step did, whether that is anything, and how many images failed."""

    report: Report
    did: bool
    failed: int


@dataclass(frozen=True, slots=True)
class _Steps:
    """The steps behind the import."""

    dataset: ZarrDataset
    workers: int | None
    executor: Executor | None

    def all(self, *, whole: bool = True, journal: bool = False) -> Iterator[_Done]:
        """Do them one after the other, on all images or those that the journal names."""
        yield self._velocity(whole, journal)
        yield self._events(whole, journal)
        yield from self._tables(whole)

    def _velocity(self, whole: bool, journal: bool) -> _Done:
        from kymflow.cli.progress import update_bar
        from kymflow.core.velocity import velocity_dataset

        with self._noted("traces", whole, journal) as noted, update_bar("velocity") as progress:
            report = velocity_dataset(
                self.dataset,
                image_ids=noted,
                workers=self.workers,
                executor=self.executor,
                progress=progress,
                on_error="record",
            )
        return _Done(report, bool(report.measured), warn_of_failures(report.failures, self.dataset))

    def _events(self, whole: bool, journal: bool) -> _Done:
        from kymflow.cli.progress import update_bar
        from kymflow.core.velocity_events import detect_dataset

        with self._noted("events", whole, journal) as noted, update_bar("events") as progress:
            report = detect_dataset(
                self.dataset,
                image_ids=noted,
                workers=self.workers,
                executor=self.executor,
                progress=progress,
                on_error="record",
            )
        return _Done(report, bool(report.detected), warn_of_failures(report.failures, self.dataset))

    def _tables(self, whole: bool) -> Iterator[_Done]:
        from kymflow.cli.progress import update_bar
        from kymflow.core.kym_dataset import KymDataset

        kym = KymDataset(self.dataset)
        for indexer in load_indexers(()):
            with update_bar(indexer.name) as progress:
                report = kym.update_index(
                    indexer,
                    mode="incremental",
                    on_error="record",
                    progress=progress,
                    workers=self.workers,
                    executor=self.executor,
                    changed=not whole,
                )
            did = bool(report.updated or report.pruned)
            yield _Done(report, did, warn_of_failures(report.failures, self.dataset))

    def _noted(
        self, reader: str, whole: bool, journal: bool
    ) -> AbstractContextManager[list[str] | None]:
        from kymflow.core.watch import noted_images

        if not journal:
            return nullcontext()
        return noted_images(self.dataset, reader, whole=whole)


def _close(dataset: ZarrDataset, failed: int) -> None:
    """Say what is there now, and where to look next."""
    import polars as pl

    counts = {
        name: dataset.tables.count(f"kym_{name}")
        for name in ("images", "velocity", "velocity_events")
    }
    table = pl.DataFrame(
        {
            "images": [counts["images"]],
            "traces": [counts["velocity"]],
            "events": [counts["velocity_events"]],
            "failures": [failed],
        }
    )
    Output().print(table)
    remark(
        f"next: kymflow show {dataset.path} IMAGE_ID -o image.png; "
        f'kymflow sql {dataset.path} "FROM kym_velocity"'
    )
