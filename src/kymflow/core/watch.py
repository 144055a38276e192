"""When to look again: at the images that the journal names as soon as it does, at all now and then.

What kymflow writes is in the dataset's journal, whoever runs it. Folders that other programs put
into ``images/``, or take out of it, are seen there and noted. What these programs change within an
image is found by the next look at everything.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow.core.extras import needs_extra
from kymflow_zarr.errors import NoJournalError
from kymflow_zarr.store import layout
from kymflow_zarr.store.names import is_valid_name

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

EVERYTHING_S = 600.0
"""Seconds between two looks at everything."""
_GLANCE_MS = 500  # how often the journal is looked at where the system tells of no change
_POLL_MS = 2_000  # each poll lists all images
_QUIET_S = 2.0  # a microscope writes a file in pieces
_NETWORKS = {"9p", "afs", "beegfs", "ceph", "cifs", "glusterfs", "gpfs", "lustre", "ncpfs"}
_NETWORKS |= {"nfs", "nfs4", "smb3", "smbfs"}
_MOUNTS = Path("/proc/self/mountinfo")


class Look(Enum):
    """What is to be looked at."""

    EVERYTHING = auto()
    NOTED = auto()
    """The images that the journal names."""
    FOLDER = auto()
    """The folder that is imported from, and what the journal names."""

    @property
    def is_whole(self) -> bool:
        """Tell whether all images are to be looked at."""
        return self is Look.EVERYTHING


def looks(
    dataset: ZarrDataset,
    *,
    folder: Path | None = None,
    every_s: float = EVERYTHING_S,
    poll: bool | None = None,
) -> Iterator[Look]:
    """Wait until there is something to look at, again and again.

    Args:
        dataset: The dataset, which keeps a journal.
        folder: A folder that is imported from; once nothing in it has changed for two seconds,
            what did change is looked at.
        every_s: Seconds between two looks at everything.
        poll: Whether to list ``images/`` every two seconds, as file systems need that other
            computers write to; if None where the dataset is on one, as far as the system tells.

    Yields:
        What to look at: everything, first of all at once.

    Raises:
        NoJournalError: If the dataset keeps no journal.
        MissingExtraError: If the extra ``watch`` is not installed.
    """
    journal = dataset.journal
    if not journal.is_on:
        raise NoJournalError(
            "this dataset keeps no journal of what is written to it", dataset=str(dataset.path)
        )
    with needs_extra("watch", "looks at what changed"):
        from watchfiles import Change, watch
    images = layout.images(dataset.path)
    places = (layout.journal(dataset.path), images)
    events = watch(
        *(place for place in places if place.is_dir()),
        watch_filter=None,
        debounce=400,
        rust_timeout=_GLANCE_MS,
        yield_on_timeout=True,
        force_polling=is_on_network(dataset.path) if poll is None else poll,
        poll_delay_ms=_POLL_MS,
        recursive=False,
    )
    files = (
        _changes_below(folder, dataset.path.resolve(), poll)
        if folder is not None
        else repeat(False)
    )
    next(events), next(files)  # from here on no change is missed
    length, looked = journal.length, time.monotonic()
    came: float | None = None
    yield Look.EVERYTHING
    for found in events:
        moved = (path for change, path in found if change is not Change.modified)
        _note(dataset, {Path(path).name for path in moved if Path(path).parent == images})
        now = time.monotonic()
        came = now if next(files) else came
        if now - looked >= every_s:
            length, looked, came = journal.length, now, None
            yield Look.EVERYTHING
        elif came is not None and now - came >= _QUIET_S:
            length, came = journal.length, None
            yield Look.FOLDER
        elif journal.length != length:
            length = journal.length
            yield Look.NOTED


def _changes_below(folder: Path, but: Path, poll: bool | None) -> Iterator[bool]:
    """Yield at once, again and again, whether something in a folder changed since the last time.

    Args:
        folder: The folder.
        but: A folder that may be in it, and does not count.
        poll: As for :func:`looks`.
    """
    from watchfiles import watch

    for found in watch(
        folder.resolve(),
        watch_filter=None,
        debounce=100,
        step=10,
        rust_timeout=10,
        yield_on_timeout=True,
        force_polling=is_on_network(folder) if poll is None else poll,
        poll_delay_ms=_POLL_MS,
    ):
        yield any(not Path(path).is_relative_to(but) for _, path in found)


@contextmanager
def noted_images(dataset: ZarrDataset, reader: str, *, whole: bool) -> Iterator[list[str] | None]:
    """Name the images that the journal names since a reader's last look; keep that they are done.

    Args:
        dataset: The dataset, which keeps a journal.
        reader: The reader's name. If the block raises, the notes stay for it.
        whole: Whether everything is looked at anyway.

    Yields:
        The images of these that are there; None for all images.
    """
    notes = dataset.journal.read(reader)
    if whole or not notes.whole:
        yield None
    else:
        yield [image_id for image_id in notes.image_ids if dataset.has_image(image_id)]
    dataset.journal.keep(reader, notes)


def is_on_network(path: Path, mounts: Callable[[], str] = lambda: _MOUNTS.read_text()) -> bool:
    """Tell whether a path is on a file system that other computers write to, where that is known.

    Args:
        path: The path.
        mounts: Reads the system's list of mounts, as ``/proc/self/mountinfo`` has it.
    """
    real = path.resolve()
    try:
        lines = mounts().splitlines()
    except OSError:
        return False
    best, kind = -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        place = Path(fields[4].replace(r"\040", " "))
        if real.is_relative_to(place) and len(place.parts) >= best:
            best, kind = len(place.parts), after.split(" ")[0]
    return kind in _NETWORKS or kind.startswith("fuse.")


def _note(dataset: ZarrDataset, names: Iterable[str]) -> None:
    for name in names:
        if is_valid_name(name):
            with dataset.journal.noting(name):
                pass
