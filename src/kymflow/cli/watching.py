"""The loop behind ``--watch``: one line per pass that did something, until Ctrl-C."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

import click

from kymflow.cli.errors import printable, remark, report
from kymflow_zarr.errors import DatasetError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from kymflow.core.watch import Look
    from kymflow_zarr import ZarrDataset

Command = Callable[..., None]


def watch_options(command: Command) -> Command:
    """Give a command the options that have it go on, see :func:`keep_on`."""
    watch = click.option(
        "--watch",
        is_flag=True,
        help="Go on until Ctrl-C: look at once at what the journal names and at images that come "
        "and go, and at everything every ten minutes. Needs the extra watch.",
    )
    every = click.option(
        "--every",
        metavar="S",
        type=click.FloatRange(min=1),
        default=600,
        show_default=True,
        help="With --watch: seconds between two looks at everything.",
    )
    poll = click.option(
        "--poll/--no-poll",
        default=None,
        help="With --watch: list the images every two seconds, for file systems that tell of no "
        "change. By default on network mounts only.",
    )
    return watch(every(poll(command)))


def check_watch(watch: bool, images: tuple[str, ...], where: str | None, mode: str) -> None:
    """Refuse a choice of images beside ``--watch``.

    Raises:
        click.UsageError: If there is one.
    """
    if watch and (images or where or mode != "incremental"):
        raise click.UsageError(
            "--watch takes the images from the journal: it goes with none of --images, --where and "
            "--mode"
        )


def keep_on(
    dataset: ZarrDataset,
    once: Callable[[Look], str],
    *,
    every: float,
    poll: bool | None,
    folder: Path | None = None,
) -> None:
    """Do the same again whenever there is something to look at.

    Ctrl-C ends it well: at once, or after the pass that is under way; again, it interrupts that as
    it does any other command.

    Args:
        dataset: The dataset.
        once: Makes a pass; told what to look at, and returns what it did, empty if that is nothing.
        every: Seconds between two looks at everything.
        poll: See :func:`kymflow.core.watch.looks`.
        folder: As for ``poll``.
    """
    from kymflow.core.watch import looks

    at_work = stopping = False

    def stop(*_: object) -> None:
        nonlocal stopping
        if stopping or not at_work:
            raise KeyboardInterrupt
        stopping = True
        remark("ending after this pass; Ctrl-C again ends it now")

    before = signal.signal(signal.SIGINT, stop)
    try:
        waiting = looks(dataset, folder=folder, every_s=every, poll=poll)
        for number, look in enumerate(waiting):
            at_work = True
            _make_pass(once, look)
            at_work = False
            if stopping:
                return
            if number == 0:
                remark(f"watching {dataset.path}; Ctrl-C ends it")
    except KeyboardInterrupt:
        if at_work:
            raise
    finally:
        signal.signal(signal.SIGINT, before)


def _make_pass(once: Callable[[Look], str], look: Look) -> None:
    try:
        done = once(look)
    except UsageError:
        raise
    except DatasetError as error:  # a full disk, a busy image: the notes wait for the next pass
        report(error)
        return
    if done:
        click.echo(printable(f"{datetime.now():%H:%M:%S} {done}"))
