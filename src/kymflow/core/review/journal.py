"""The journal: every decision of every reviewer, in logs that are only ever appended to."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from kymflow.core.review.decision import Decision
from kymflow_zarr.errors import UsageError
from kymflow_zarr.store import layout
from kymflow_zarr.store.append_log import AppendLog
from kymflow_zarr.store.reads import stamp

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
        return _read(self._paths(), tuple(map(stamp, self._paths())))[0]

    def of_image(self, image_id: str) -> Sequence[Decision]:
        """The decisions that concern an image, and all undos, first to last."""
        return _by_image(self._paths(), tuple(map(stamp, self._paths()))).get(image_id, ())

    def images(self) -> set[str]:
        """The images that some decision concerns."""
        return set(_by_image(self._paths(), tuple(map(stamp, self._paths()))))

    def damaged(self) -> list[tuple[Path, int]]:
        """The lines that can't be read: the log and the line's number, from 1."""
        return _read(self._paths(), tuple(map(stamp, self._paths())))[1]

    def torn(self) -> list[Path]:
        """The files of torn ends, which killed writers left."""
        return sorted(layout.logs(self._store.path).glob("*.torn"))

    def _paths(self) -> tuple[Path, ...]:
        return tuple(sorted(layout.logs(self._store.path).glob("*.jsonl")))

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


# Reading is done again only when a log has changed: many images are asked for one after another.
@lru_cache(maxsize=4)
def _read(
    paths: tuple[Path, ...], stamps: tuple[object, ...]
) -> tuple[tuple[Decision, ...], list[tuple[Path, int]]]:
    found: list[Decision] = []
    damaged: list[tuple[Path, int]] = []
    for path in paths:
        content = AppendLog(path, path).read()
        damaged += [(path, number) for number in content.damaged]
        for number, entry in enumerate(content.entries, start=1):
            try:
                found.append(Decision.from_entry(entry))
            except ValueError:
                damaged.append((path, number))
    found.sort(key=lambda decision: decision.decided_at)  # stable: a log's own order is kept
    return tuple(found), damaged


@lru_cache(maxsize=4)
def _by_image(
    paths: tuple[Path, ...], stamps: tuple[object, ...]
) -> dict[str, tuple[Decision, ...]]:
    decisions = _read(paths, stamps)[0]
    images: dict[str, set[str]] = {d.id: {c.key.image_id for c in d.changes} for d in decisions}
    by_image: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions:
        concerned = images[decision.id]
        if decision.verb in ("undo", "redo") and decision.target:
            concerned = images[decision.id] = images.get(decision.target, set())
        for image_id in concerned:
            by_image[image_id].append(decision)
    return {image_id: tuple(made) for image_id, made in by_image.items()}


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
