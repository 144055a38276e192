"""Evidence: what files an image's rows are made of, looked at cheaply and hashed where need be."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from kymflow.core.kym_dataset.indexers.base import FileBacked, Indexer, WatchedFiles
from kymflow.core.kym_dataset.schemas import SIDES, SIGNATURE, SIGNATURES
from kymflow_zarr import ZarrImageRecord
from kymflow_zarr.store import layout
from kymflow_zarr.store.stamps import REST_NS, Signature, content_hash, hash_file, signature

if TYPE_CHECKING:
    from kymflow_zarr.store.store import Store

ABSENT = (-1, -1, -1, -1)
"""Signature of a file that is not there."""
_HIDDEN = (-2, -2, -2, -2)
"""Signature of a file that can't be looked at: it fails when it is read."""
_INT64 = (1 << 63) - 1


def watched(indexer: Indexer, store: Store) -> WatchedFiles | None:
    """Name the files behind an indexer's rows; None if it does not say."""
    return indexer.watched_files(store) if isinstance(indexer, FileBacked) else None


def look(store: Store, files: WatchedFiles, image_ids: Sequence[str]) -> pl.DataFrame:
    """Take the signatures of the files behind some images' rows: one stat per file.

    Args:
        store: The dataset.
        files: The files.
        image_ids: The images.

    Returns:
        Frame (image_id, and of each file mtime_ns, size, inode, ctime_ns as int64), one row per
        image in the order asked; -1 where there is no file.
    """
    # A million stats take seconds: no object per file, and no path but a text.
    stat, root, numbers = os.stat, f"{layout.images(store.path)}/", array("q")
    for image_id in image_ids:
        folder = f"{root}{image_id}/"
        for names in files:
            for name in names:
                try:
                    found = stat(folder + name)
                except (FileNotFoundError, NotADirectoryError):
                    continue
                except OSError:
                    numbers.extend(_HIDDEN)
                else:
                    inode = found.st_ino & _INT64
                    numbers.extend((found.st_mtime_ns, found.st_size, inode, found.st_ctime_ns))
                break
            else:
                numbers.extend(ABSENT)
    table = np.frombuffer(numbers, dtype=np.int64).reshape(-1, len(SIGNATURES))
    signatures = pl.DataFrame(np.ascontiguousarray(table), schema=SIGNATURES.names(), orient="row")
    return signatures.insert_column(0, pl.Series("image_id", image_ids, dtype=pl.String))


def same_signature(side: str) -> pl.Expr:
    """Tell whether a file has the signature that was seen; false where none was kept."""
    equal = [
        (pl.col(f"{side}_{part}") == pl.col(f"{side}_{part}_seen")).fill_null(value=False)
        for part in SIGNATURE
    ]
    return pl.all_horizontal(equal)


def only_at_rest(signatures: pl.DataFrame, now_ns: int) -> pl.DataFrame:
    """Set signatures to null of files that might change again without a trace of it.

    Args:
        signatures: Frame with the columns of :func:`look`.
        now_ns: The file system's clock before they were taken, ns.
    """
    columns: list[pl.Expr] = []
    for side in SIDES:
        latest = pl.max_horizontal(f"{side}_mtime_ns", f"{side}_ctime_ns")
        at_rest = (latest <= now_ns - REST_NS) & (latest != _HIDDEN[0])
        columns += [pl.when(at_rest).then(pl.col(f"{side}_{part}")) for part in SIGNATURE]
    return signatures.with_columns(columns)


def hash_rows(
    store: Store, files: WatchedFiles, image_ids: Iterable[str]
) -> dict[str, bytes | None]:
    """Hash the rows files of some images; one that can't be read is left out.

    Returns:
        The hash per image, None where there is no file.
    """
    found: dict[str, bytes | None] = {}
    for image_id in image_ids:
        path = _first(store, image_id, files.rows)
        with suppress(OSError):
            found[image_id] = None if path is None else hash_file(path)
    return found


class RowsWatch:
    """Watches the rows files of a batch while its rows are made.

    Args:
        store: The dataset.
        files: The files behind the rows; None if the indexer does not say, and then all artifacts
            of an image are watched.
        image_ids: The images.
    """

    def __init__(self, store: Store, files: WatchedFiles | None, image_ids: Sequence[str]) -> None:
        self._store = store
        self._files = files
        self._before = {image_id: self._look(image_id) for image_id in image_ids}

    def contents(self, image_ids: Iterable[str], read: Mapping[str, bytes]) -> pl.DataFrame:
        """Hash what rows were made of; images whose files were touched meanwhile are left out.

        Args:
            image_ids: The images whose rows were made.
            read: Hashes that are known already.

        Returns:
            Frame (image_id, rows_content).
        """
        found: dict[str, bytes | None] = {}
        for image_id in image_ids:
            path, before = self._before[image_id]
            content = read.get(image_id)
            with suppress(OSError):
                if content is None and (path is not None or self._files is None):
                    content = self._hash(image_id, path)
                if self._look(image_id) == (path, before):
                    found[image_id] = content
        return contents_frame(found)

    def _look(self, image_id: str) -> tuple[str | None, object]:
        if self._files is None:
            return None, _signatures_below(self._store, image_id)
        path = _first(self._store, image_id, self._files.rows)
        try:
            return path, None if path is None else signature(path)
        except OSError:
            return path, object()  # equal to nothing

    def _hash(self, image_id: str, path: str | None) -> bytes:
        return hash_artifacts(self._store, image_id) if path is None else hash_file(path)


def contents_now(
    store: Store, files: WatchedFiles | None, image_ids: Sequence[str]
) -> pl.DataFrame:
    """Hash what the rows of some images would be made of now: frame (image_id, rows_content)."""
    return RowsWatch(store, files, image_ids).contents(image_ids, {})


def contents_frame(contents: Mapping[str, bytes | None]) -> pl.DataFrame:
    """Put hashes into a frame (image_id, rows_content)."""
    return pl.DataFrame(
        {"image_id": list(contents), "rows_content": list(contents.values())},
        schema={"image_id": pl.String, "rows_content": pl.Binary},
    )


def hash_artifacts(store: Store, image_id: str) -> bytes:
    """Hash all artifacts of an image, names included, for an indexer that may read any of them.

    Raises:
        OSError: If one can't be read.
    """
    record = ZarrImageRecord(store, image_id)
    hashes = (
        (key, hash_file(record.path / "analysis" / key)) for key in record.list_analysis_keys()
    )
    return content_hash(b"".join(key.encode() + b"\0" + content for key, content in hashes))


def _first(store: Store, image_id: str, names: Sequence[str]) -> str | None:
    folder = f"{layout.images(store.path)}/{image_id}/"
    return next((folder + name for name in names if os.path.lexists(folder + name)), None)


def _signatures_below(store: Store, image_id: str) -> dict[str, Signature]:
    record = ZarrImageRecord(store, image_id)
    found = {}
    for key in record.list_analysis_keys():
        with suppress(OSError):
            found[key] = signature(record.path / "analysis" / key)
    return found
