"""Reading the journal: what was read once is kept, and only what was appended since is read.

Reviewers decide one event after another, and each decision asks what the journal says: reading all
of it each time took 53 ms after 475 decisions, and more with every further one.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from kymflow.core.review.decision import Decision
from kymflow_zarr.store.append_log import AppendLog, LogPart
from kymflow_zarr.store.reads import stamp

_KEPT = 4
"""So many datasets' journals are kept in memory."""


class _Placed(NamedTuple):
    """A decision and its place: its time, then the log's name and the number of its line."""

    place: tuple[float, str, int]
    decision: Decision


class _Log:
    """One reviewer's log, as far as it was read.

    Args:
        path: The log.

    Attributes:
        damaged: The numbers of the lines that hold none.
        torn: The number of a last line that is not whole, None where there is none.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.damaged: list[int] = []
        self.torn: int | None = None
        self._read = LogPart()
        self._stamp: tuple[int, int, int] | None = None

    def is_replaced(self, now: tuple[int, int, int] | None) -> bool:
        """Tell whether the file is another one, or shorter, or of the same length but written."""
        before = self._stamp
        if before is None or now == before:
            return False
        return now is None or now[0] != before[0] or now[2] <= before[2]

    def read_on(self, now: tuple[int, int, int] | None) -> list[_Placed]:
        """Read what was appended; return its decisions, each with its place in the journal."""
        if now == self._stamp:
            return []
        self._read = AppendLog(self.path, self.path).read(self._read)
        self._stamp = now
        self.damaged += self._read.damaged
        self.torn = self._read.n_lines + 1 if self._read.torn else None
        new: list[_Placed] = []
        for number, entry in self._read.entries:
            try:
                decision = Decision.from_entry(entry)
            except ValueError:
                self.damaged.append(number)
            else:
                place = (decision.decided_at.timestamp(), self.path.name, number)
                new.append(_Placed(place, decision))
        return new


class JournalReader:
    """The journal in one folder of logs, as far as it was read.

    Every question reads on first.

    Args:
        folder: The folder.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = RLock()
        self._forget()

    def decisions(self) -> Sequence[Decision]:
        """All decisions, first to last by their time."""
        with self._lock:
            self._read_on()
            return tuple(each.decision for each in self._placed)

    def of_image(self, image_id: str) -> Sequence[Decision]:
        """The decisions that concern an image, and the undos of these, first to last."""
        with self._lock:
            self._read_on()
            return tuple(self._by_image.get(image_id, ()))

    def images(self) -> set[str]:
        """The images that some decision concerns."""
        with self._lock:
            self._read_on()
            return set(self._by_image)

    def damaged(self) -> list[tuple[Path, int]]:
        """The lines that can't be read: the log and the line's number, from 1."""
        with self._lock:
            self._read_on()
            found = []
            for _, log in sorted(self._logs.items()):
                torn = [] if log.torn is None else [log.torn]
                found += [(log.path, number) for number in sorted([*log.damaged, *torn])]
            return found

    def _forget(self) -> None:
        self._logs: dict[Path, _Log] = {}
        self._placed: list[_Placed] = []
        self._images: dict[str, set[str]] = {}
        self._by_image: dict[str, list[Decision]] = defaultdict(list)

    def _read_on(self) -> None:
        stamps = {path: stamp(path) for path in sorted(self._folder.glob("*.jsonl"))}
        gone = self._logs.keys() - stamps.keys()
        if gone or any(log.is_replaced(stamps[path]) for path, log in self._logs.items()):
            self._forget()
        new: list[_Placed] = []
        for path, now in stamps.items():
            new += self._logs.setdefault(path, _Log(path)).read_on(now)
        new.sort(key=_place)
        if new and self._placed and new[0].place < self._placed[-1].place:
            new = sorted([*self._placed, *new], key=_place)
            self._placed, self._images = [], {}
            self._by_image = defaultdict(list)
        self._take(new)

    def _take(self, new: Iterable[_Placed]) -> None:
        for each in new:
            decision = each.decision
            concerned = {change.key.image_id for change in decision.changes}
            if decision.verb in ("undo", "redo") and decision.target:
                concerned = self._images.get(decision.target, set())
            self._images[decision.id] = concerned
            self._placed.append(each)
            for image_id in concerned:
                self._by_image[image_id].append(decision)


def _place(each: _Placed) -> tuple[float, str, int]:
    return each.place


_readers: OrderedDict[Path, JournalReader] = OrderedDict()
_readers_lock = RLock()


def reader_of(folder: Path) -> JournalReader:
    """Return the reader of a folder, which knows what was read of it before."""
    with _readers_lock:
        reader = _readers.setdefault(folder, JournalReader(folder))
        _readers.move_to_end(folder)
        while len(_readers) > _KEPT:
            _readers.popitem(last=False)
    return reader
