"""Answers kept on disk, so that any of their rows is there at once.

A browser shows a hundred of two million rows at a time, and goes anywhere in them. The answer is
written once, as an Arrow file of small compressed batches, and a window of it is read from there:
memory does not grow with the answer.
"""

from __future__ import annotations

import json
import threading
import uuid
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kymflow_zarr.errors import NotFoundError, QueryError

if TYPE_CHECKING:
    import polars as pl

KEPT = 16
"""So many answers are kept on disk; the one not looked at for longest goes first."""
MOST_ROWS = 20_000_000
_BATCH = 8_192  # a window of 200 rows unpacks one or two batches, about 2 ms each
_BUFFER = 1 << 20


class Listing:
    """One answer on disk.

    Args:
        path: The file, written by :meth:`Listings.keep`.
        name: What a browser calls it.

    Attributes:
        name: What a browser calls it.
        schema: Its columns.
        n_rows: How many rows it has.
    """

    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self.name = name
        with self._open() as reader:
            self.schema = reader.schema
            lengths = [reader.get_batch(n).num_rows for n in range(reader.num_record_batches)]
        self._starts = [0]
        for length in lengths:
            self._starts.append(self._starts[-1] + length)
        self.n_rows = self._starts[-1]

    def rows(self, start: int, stop: int) -> pa.Table:
        """Return the rows from one place up to another, as far as there are such."""
        start, stop = max(0, start), min(stop, self.n_rows)
        if start >= stop:
            return self.schema.empty_table()
        first = bisect_right(self._starts, start) - 1
        last = bisect_right(self._starts, stop - 1) - 1
        with self._open() as reader:
            batches = [reader.get_batch(number) for number in range(first, last + 1)]
            table = pa.Table.from_batches(batches, self.schema)
            return table.slice(start - self._starts[first], stop - start)

    def frame(self) -> pl.DataFrame:
        """Return all rows as a frame."""
        import polars as pl

        with self._open() as reader:
            frame = pl.from_arrow(reader.read_all())
        assert isinstance(frame, pl.DataFrame)  # noqa: S101 - as tables are
        return frame

    def reader(self) -> pa.RecordBatchReader:
        """Return all rows, batch by batch."""

        def batches() -> Any:
            with self._open() as reader:
                for number in range(reader.num_record_batches):
                    yield reader.get_batch(number)

        return pa.RecordBatchReader.from_batches(self.schema, batches())

    def delete(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)

    def _open(self) -> Any:
        try:
            return pa.ipc.open_file(pa.OSFile(str(self._path), "rb"))
        except FileNotFoundError:
            raise NotFoundError("this listing is no longer kept; ask for it again") from None


class Listings:
    """The answers that are kept, the latest ``KEPT`` of them.

    Args:
        folder: Where to keep them; whoever made it removes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._by_name: OrderedDict[str, Listing] = OrderedDict()
        self._names: dict[str, str] = {}
        self._asking: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, name: str) -> Listing:
        """Return an answer that is kept.

        Raises:
            NotFoundError: If it is not, any more.
        """
        with self._lock:
            if name not in self._by_name:
                raise NotFoundError("this listing is no longer kept; ask for it again")
            self._by_name.move_to_end(name)
            return self._by_name[name]

    def keep(self, what: Mapping[str, object], ask: Callable[[], pa.RecordBatchReader]) -> Listing:
        """Return the answer to a question, asked once for as long as it is kept.

        Args:
            what: Tells the question, and the state of the tables that it is asked of.
            ask: Asks it.

        Raises:
            QueryError: If it can't be answered, or has more than ``MOST_ROWS`` rows.
        """
        key = json.dumps(what, sort_keys=True, default=str)
        with self._lock:
            asking = self._asking.setdefault(key, threading.Lock())
        with asking:  # who asks the same meanwhile waits for the one answer
            with self._lock:
                known = self._by_name.get(self._names.get(key, ""))
            return self._made(key, ask) if known is None else known

    def _made(self, key: str, ask: Callable[[], pa.RecordBatchReader]) -> Listing:
        name = uuid.uuid4().hex
        path = self._folder / f"{name}.arrow"
        try:
            _write(ask(), path)
            listing = Listing(path, name)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        with self._lock:
            self._names[key] = name
            self._by_name[name] = listing
            while len(self._by_name) > KEPT:
                _, oldest = self._by_name.popitem(last=False)
                oldest.delete()
            self._names = {k: n for k, n in self._names.items() if n in self._by_name}
            self._asking = {k: a for k, a in self._asking.items() if k in self._names or a.locked()}
        return listing


def _write(batches: pa.RecordBatchReader, path: Path) -> None:
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    n_rows = 0
    with (
        batches,
        pa.OSFile(str(path), "wb") as raw,
        pa.BufferedOutputStream(raw, _BUFFER) as sink,
        pa.ipc.new_file(sink, batches.schema, options=options) as writer,
    ):
        for batch in batches:
            n_rows += batch.num_rows
            if n_rows > MOST_ROWS:
                raise QueryError(
                    f"the answer has more than {MOST_ROWS:,} rows; ask for fewer, or use "
                    f"`kymflow sql`"
                )
            for start in range(0, batch.num_rows, _BATCH):
                writer.write_batch(batch.slice(start, _BATCH))
