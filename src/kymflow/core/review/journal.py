"""The journal: every decision of every reviewer, in logs that are only ever appended to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from kymflow.core.review.decision import Decision
from kymflow.core.review.journal_reader import JournalReader, reader_of
from kymflow_zarr.errors import UsageError
from kymflow_zarr.store import layout
from kymflow_zarr.store.append_log import AppendLog

if TYPE_CHECKING:
    from kymflow_zarr.store.store import Store

_PLAIN = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]{0,63}")


class Journal:
    """All decisions on one dataset: the truth that the events artifacts are brought to.

    Args:
        store: The dataset.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, decision: Decision) -> None:
        """Write a decision; it is on disk when this returns.

        Raises:
            ReadOnlyError: If the dataset is open for reading only.
            WriteError: If it can't be written; nothing is changed.
        """
        log = self._log_of(decision.reviewer)
        self._store.check_writable("record a decision", log.path, log.torn)
        log.append(decision.to_entry())

    def decisions(self) -> Sequence[Decision]:
        """All decisions that can be read, first to last by their time."""
        return self._reader().decisions()

    def of_image(self, image_id: str) -> Sequence[Decision]:
        """The decisions that concern an image, and all undos, first to last."""
        return self._reader().of_image(image_id)

    def images(self) -> set[str]:
        """The images that some decision concerns."""
        return self._reader().images()

    def damaged(self) -> list[tuple[Path, int]]:
        """The lines that can't be read: the log and the line's number, from 1."""
        return self._reader().damaged()

    def torn(self) -> list[Path]:
        """The files of torn ends, which killed writers left."""
        return sorted(layout.logs(self._store.path).glob("*.torn"))

    def _reader(self) -> JournalReader:
        return reader_of(layout.logs(self._store.path))

    def _log_of(self, reviewer: str) -> AppendLog:
        name = log_name(reviewer)
        path = self._store.path
        return AppendLog(layout.log(path, name), layout.log_lock(path, name))


def log_name(reviewer: str) -> str:
    """Name the file of a reviewer's log; names that no file may have are percent-encoded.

    Raises:
        UsageError: If the reviewer has no name.
    """
    if not reviewer.strip():
        raise UsageError("the reviewer has no name; give one by --reviewer or $KYMFLOW_REVIEWER")
    if _PLAIN.fullmatch(reviewer):
        return reviewer
    return "_" + quote(reviewer, safe="")[:180]


def active(decisions: Iterable[Decision]) -> list[Decision]:
    """Those decisions that are not undone, first to last; undos and redos themselves are left out.

    An undo names the decision that it undoes, a redo the one that it brings back.
    """
    made = list(decisions)
    undone: set[str] = set()
    for decision in made:
        if decision.verb == "undo" and decision.target:
            undone.add(decision.target)
        elif decision.verb == "redo" and decision.target:
            undone.discard(decision.target)
    return [d for d in made if d.verb not in ("undo", "redo") and d.id not in undone]
