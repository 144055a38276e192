"""A journal of a dataset's own writes: each image written to is noted, so that others need no look.

It is kept where it was turned on. Whoever writes to an image notes that before, and its end after,
see :mod:`kymflow_zarr.store.notes`.

A reader takes the notes since it was there last. One whose end is missing was of a write under way,
which may come after the reader has looked: it is kept for next time, until its end is there or its
writer has died. So a kill, wherever it hits, and any number of writers and readers at once lose
nothing; a note too many costs a look. Every reader has a place of its own.

The notes are in segments. A writer whose note went into one that is no longer the last writes it
again, so that a reader who lists the segments first misses none. What tells a reader that its place
is not in this very journal – a copy, a restored one, a segment that was dropped – has it look at
everything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.errors import DatasetNotFoundError, NoJournalError, WriteError
from kymflow_zarr.store import layout
from kymflow_zarr.store.containment import delete_within, resolve_within
from kymflow_zarr.store.files import O_BINARY, O_NONBLOCK, check_plain, write_atomic, writing
from kymflow_zarr.store.groups import group_format
from kymflow_zarr.store.names import check_table_name
from kymflow_zarr.store.notes import Notes, Place, begun, ended, may_be_alive, new_name, parsed
from kymflow_zarr.store.reads import read_file, reading

if TYPE_CHECKING:
    from kymflow_zarr.store.locks import Lock

SEGMENT_BYTES = 4 << 20
"""A segment longer than this is followed by another: some 20,000 writes, read in 20 ms."""
_KEPT = 2
"""Segments kept: readers that lag behind by more look at everything."""
_O_NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)


class Journal:
    """The journal of one dataset.

    Args:
        dataset: The dataset's folder.
    """

    __slots__ = ("_dataset",)

    def __init__(self, dataset: Path) -> None:
        self._dataset = dataset

    @property
    def is_on(self) -> bool:
        """Whether writes are noted."""
        return bool(self._segments())

    @property
    def length(self) -> tuple[int, int]:
        """The last segment's number and size: it grows with every note."""
        number = self._last()
        try:
            return number or 0, 0 if number is None else self._file(number).stat().st_size
        except FileNotFoundError:
            return number or 0, 0

    def turn_on(self) -> None:
        """Have all writes noted from now on; readers begin by looking at everything.

        Raises:
            DatasetNotFoundError: If there is no dataset yet.
            OutsideError: If its place lies behind a link out of the dataset.
            WriteError: If the system refuses it.
        """
        if group_format(self._dataset) is None:
            raise DatasetNotFoundError(
                "there is no dataset here to keep a journal of", dataset=str(self._dataset)
            )
        with self._lock():
            if not self.is_on:
                self._begin(1, {})

    def turn_off(self) -> None:
        """Note no more writes, and forget those that were noted.

        Raises:
            OutsideError: If its place lies behind a link out of the dataset.
        """
        with self._lock():
            for number in self._segments():
                delete_within(self._dataset, self._file(number))

    @contextmanager
    def noting(self, image_id: str) -> Iterator[None]:
        """Note that an image is written to within the block; nothing where the journal is off.

        Raises:
            OutsideError: If the journal lies behind a link out of the dataset.
            WriteError: If the system refuses it; nothing was written then.
        """
        number = self._last()
        if number is None:
            yield
            return
        name = new_name()
        while number is not None:
            self._append(number, begun(name, image_id), durably=True)
            before, number = number, self._last()
            if number == before:
                break
        try:
            yield
        finally:
            number = self._last()
            if number is not None:
                with suppress(WriteError):  # then the note stays open, which costs looks
                    self._append(number, ended(name), durably=False)

    def read(self, reader: str) -> Notes:
        """Read what was noted since a reader was there last. Nothing is changed.

        Whatever the reader looks at after this call is as new as the notes, or newer.

        Args:
            reader: The reader's name, such as that of its table.

        Raises:
            NoJournalError: If the journal is off.
            ReadError: If the system refuses to read it.
        """
        numbers = self._segments()  # before any is read
        if not numbers:
            raise NoJournalError(
                "this dataset keeps no journal of what is written to it",
                dataset=str(self._dataset),
            )
        kept = self._kept(reader)
        found = None if kept is None else self._since(kept, numbers)
        whole = found is not None and found.whole
        if found is None:  # from the beginning, for the writes that are under way
            found = self._since(Place(numbers[0], "", 0), numbers)
        noted, place = ((), Place(0, "", 0)) if found is None else (found.image_ids, found.place)
        return Notes(noted, whole, "" if kept is None else kept.state, place)

    def _since(self, kept: Place, numbers: Sequence[int]) -> Notes | None:
        """Read the segments from a place on; None if that place is not in this journal."""
        opened, noted, whole = dict(kept.open), set(kept.open.values()), True
        place = kept
        for number in numbers:
            if number < kept.segment:
                continue
            is_first = number == kept.segment
            found = self._lines(number, kept.offset if is_first else 0)
            if found is None or (is_first and kept.identity not in ("", found[0])):
                return None
            identity, lines, end = found
            for line in filter(None, lines):
                note = parsed(line)
                if note is None:
                    whole = False  # torn or damaged, of nobody knows what image
                elif note.image_id is not None:
                    opened[note.name] = note.image_id
                    noted.add(note.image_id)
                else:
                    opened.pop(note.name, None)
            place = Place(number, identity, end)
        if kept.segment not in numbers:
            return None
        alive = {name: image_id for name, image_id in opened.items() if may_be_alive(name)}
        place = replace(place, open=alive)
        return Notes(tuple(sorted(noted)), whole, kept.state, place)

    def keep(self, reader: str, notes: Notes, state: str = "") -> None:
        """Keep a reader's place: what it has read of is done.

        Args:
            reader: The reader's name.
            notes: What it read.
            state: What it has to remember.

        Raises:
            OutsideError: If its place lies behind a link out of the dataset.
            WriteError: If the system refuses it.
        """
        at = notes.place
        told = {
            "segment": at.segment,
            "identity": at.identity,
            "offset": at.offset,
            "open": dict(at.open),
            "state": state,
        }
        path = layout.journal_place(self._dataset, check_table_name(reader))
        data = json.dumps(told).encode()
        with suppress(OSError):
            if read_file(path) == data:
                return
        resolve_within(self._dataset, path.parent)
        write_atomic(path, data)
        if at.offset > SEGMENT_BYTES:
            self._go_on(at)

    def _go_on(self, full: Place) -> None:
        """Begin another segment behind a full one, and drop those that are long past."""
        with self._lock():
            numbers = self._segments()
            if numbers and numbers[-1] == full.segment:
                self._begin(full.segment + 1, full.open)
                for number in numbers[: 1 - _KEPT]:
                    delete_within(self._dataset, self._file(number))

    def _begin(self, number: int, opened: Mapping[str, str]) -> None:
        """Begin a segment, with the notes of writes under way: those before may be dropped."""
        path = self._file(number)
        resolve_within(self._dataset, path.parent)
        notes = [begun(name, image_id) for name, image_id in opened.items()]
        write_atomic(path, "\n".join([os.urandom(16).hex(), *notes, ""]).encode())

    def _append(self, number: int, note: str, *, durably: bool) -> None:
        """Append one line, in one write; what a killed or refused writer left before is ended."""
        path = self._file(number)
        resolve_within(self._dataset, path.parent)
        line = f"\n{note}\n".encode()
        flags = os.O_WRONLY | os.O_APPEND | O_BINARY | O_NONBLOCK | _O_NOFOLLOW
        with writing(path):
            try:
                descriptor = os.open(path, flags)
            except FileNotFoundError:
                return  # dropped or turned off meanwhile: the caller sees that it is not the last
            try:
                check_plain(descriptor, os.fspath(path))
                if os.write(descriptor, line) != len(line):
                    raise WriteError(
                        "a note could not be written whole: check that the disk has space",
                        artifact=str(path),
                    )
                if durably:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)

    def _kept(self, reader: str) -> Place | None:
        path = layout.journal_place(self._dataset, check_table_name(reader))
        try:
            told = json.loads(read_file(path))
            opened = {str(name): str(image_id) for name, image_id in told["open"].items()}
            return Place(
                int(told["segment"]),
                str(told["identity"]),
                int(told["offset"]),
                opened,
                str(told["state"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # everything is looked at

    def _lines(self, number: int, offset: int) -> tuple[str, list[str], int] | None:
        """Read the whole lines of a segment from an offset, and where they end."""
        path = self._file(number)
        try:
            with reading(path), open(path, "rb", opener=_open) as file:
                status = check_plain(file.fileno(), os.fspath(path))
                first = file.readline(64)
                start = max(offset, len(first))
                if start > status.st_size:  # one of before this place was taken was put back
                    return None
                file.seek(start)
                data = file.read()
        except FileNotFoundError:
            return None
        whole = data[: data.rfind(b"\n") + 1]
        identity = f"{first.strip().decode(errors='replace')} {status.st_ino}"
        return identity, whole.decode(errors="replace").split("\n"), start + len(whole)

    def _segments(self) -> list[int]:
        folder = layout.journal(self._dataset)
        try:
            with reading(folder):
                names = os.listdir(folder)
        except FileNotFoundError:
            return []
        return sorted(number for name in names if (number := layout.segment_number(name)))

    def _last(self) -> int | None:
        return next(reversed(self._segments()), None)

    def _file(self, number: int) -> Path:
        return layout.journal_segment(self._dataset, number)

    def _lock(self) -> Lock:
        from kymflow_zarr.store.locks import file_lock

        path = layout.journal_lock(self._dataset)
        resolve_within(self._dataset, path.parent)
        return file_lock(path)


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | O_NONBLOCK | _O_NOFOLLOW)
