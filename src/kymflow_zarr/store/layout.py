"""Where everything in a dataset is: each path and each hidden name is written only here.

::

    <dataset>.zarr/
      images/<image_id>/                  an image: data, analysis/…, analysis_arrays/…
      images/.staged-<hex>/               an image being added; its lease is the file beside it
      images/.deleted-<hex>/              an image being deleted
      images/.swapped/<image_id>/         an image being replaced, until the new one is in place
      trash/<image_id>/                   an image that was taken out, and can be put back
      tables/<name>.parquet               a table
      tables/lake.json, tables/lake/      the tables of a DuckLake, in place of the files
      index/<name>.<sidecar>.parquet      what is kept beside a table
      index/manifest.parquet              shape, dtype, axes and times of each image
      index/staging/<name>/<hex>/         the work of one update; its lease is the file beside it
      index/locks/<name>.lock             the lock of a table's writers
      index/locks/images/<xx>.lock        the lock of whoever writes to an image
      journal/<number>.notes              which images were written to, if that is noted
      index/journal/<reader>.json         how far a reader of the journal has come
      index/locks/.journal.lock           the lock of whoever begins or drops a segment of it
      review/<name>.jsonl                 an append-only log; its torn ends are in <name>.torn
      review/queues/<name>.json           a sample to be judged
      queries/<name>.sql                  a query that somebody keeps
      **/.<name>.<hex>.tmp                a file being written, which then takes that name

A name that ends in ``.lock`` is a lock or a lease; what begins with ``.deleted-`` is being deleted.
"""

from __future__ import annotations

import hashlib
import os
import re
import uuid
from pathlib import Path

LEASE = ".lock"
"""Ending of the file whose lock says that the folder beside it is in use."""
REPLACED = ".swapped"
"""Folder of images whose replacement is under way."""
_NOTES = ".notes"
_STAGED = ".staged-"
_DELETED = ".deleted-"
_OLD_DELETED = ".aside-"
_OLD_GONE = ".gone"
"""Names that earlier releases gave to images and staged work being deleted."""
_TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{32}\.tmp", re.DOTALL)
_NAME_KEPT = 200  # bytes: with the suffix, no name is longer than the 255 that file systems allow


def images(dataset: Path) -> Path:
    """The folder of the images."""
    return dataset / "images"


def image(dataset: Path, image_id: str) -> Path:
    """The folder of an image."""
    return dataset / "images" / image_id


def table(dataset: Path, name: str) -> Path:
    """The file of a table."""
    return dataset / "tables" / f"{name}.parquet"


def sidecar(dataset: Path, name: str, kind: str) -> Path:
    """The file of what is kept beside a table."""
    return dataset / "index" / f"{name}.{kind}.parquet"


def manifest(dataset: Path) -> Path:
    """The file of the manifest."""
    return dataset / "index" / "manifest.parquet"


def index(dataset: Path) -> Path:
    """The folder of derived files, which is safe to delete."""
    return dataset / "index"


def staging(dataset: Path) -> Path:
    """The folder of staged work, which waits there to be committed."""
    return dataset / "index" / "staging"


def lake(dataset: Path) -> Path:
    """The folder of a lake."""
    return dataset / "tables" / "lake"


def lake_config(dataset: Path) -> Path:
    """The file that says that the tables are in a lake, and where its catalog is."""
    return dataset / "tables" / "lake.json"


def lake_catalog(dataset: Path) -> Path:
    """The file of a lake's catalog, where it is a file."""
    return lake(dataset) / "catalog.ducklake"


def lake_data(dataset: Path) -> Path:
    """The folder of a lake's Parquet files."""
    return lake(dataset) / "data"


def table_lock(dataset: Path, name: str) -> Path:
    """The lock of a table's writers."""
    return dataset / "index" / "locks" / f"{name}{LEASE}"


def image_lock(dataset: Path, image_id: str) -> Path:
    """The lock of an image's writers; a few images share one, so that locks stay few."""
    stripe = hashlib.blake2b(image_id.encode(), digest_size=1).hexdigest()
    return dataset / "index" / "locks" / "images" / f"{stripe}{LEASE}"


def logs(dataset: Path) -> Path:
    """The folder of the append-only logs."""
    return dataset / "review"


def trash(dataset: Path) -> Path:
    """The folder of the images that were taken out, and can be put back."""
    return dataset / "trash"


def queues(dataset: Path) -> Path:
    """The folder of samples that are judged one by one."""
    return logs(dataset) / "queues"


def saved_queries(dataset: Path) -> Path:
    """The folder of the queries that people keep."""
    return dataset / "queries"


def saved_query(dataset: Path, name: str) -> Path:
    """A query that somebody keeps."""
    return saved_queries(dataset) / f"{name}.sql"


def log(dataset: Path, name: str) -> Path:
    """An append-only log."""
    return logs(dataset) / f"{name}.jsonl"


def log_lock(dataset: Path, name: str) -> Path:
    """The lock of a log's writers."""
    return dataset / "index" / "locks" / "logs" / f"{name}{LEASE}"


def journal(dataset: Path) -> Path:
    """The folder of the journal of writes; where it holds no segment, none is kept."""
    return dataset / "journal"


def journal_segment(dataset: Path, number: int) -> Path:
    """A segment of the journal."""
    return journal(dataset) / f"{number:08}{_NOTES}"


def segment_number(name: str) -> int | None:
    """The number of the segment whose file has this name, None if it is none."""
    number = name.removesuffix(_NOTES)
    return int(number) if name.endswith(_NOTES) and re.fullmatch("[0-9]{8}", number) else None


def journal_place(dataset: Path, reader: str) -> Path:
    """The file that says how far a reader of the journal has come."""
    return dataset / "index" / "journal" / f"{reader}.json"


def journal_lock(dataset: Path) -> Path:
    """The lock of whoever begins or drops a segment of the journal."""
    return dataset / "index" / "locks" / f".journal{LEASE}"


def catalog_lock(dataset: Path) -> Path:
    """The lock of the writers of a lake's catalog."""
    return dataset / "index" / "locks" / f".lake{LEASE}"


def import_lock(dataset: Path) -> Path:
    """The lock of whoever adds many images from elsewhere: one at a time."""
    return dataset / "index" / "locks" / f".import{LEASE}"


def replacement_lock(dataset: Path) -> Path:
    """The lock that a replacement of an image holds."""
    return dataset / "index" / "locks" / f".swap{LEASE}"


def lease(folder: Path) -> Path:
    """The file whose lock says that a folder is in use."""
    return folder.with_name(f"{folder.name}{LEASE}")


def new_staged_image(dataset: Path) -> Path:
    """A new, unique folder to make an image in."""
    return images(dataset) / f"{_STAGED}{uuid.uuid4().hex}"


def is_staged_image(path: Path) -> bool:
    """Tell whether a folder, or its lease, is that of an image being added."""
    return path.name.startswith(_STAGED)


def new_deleted(path: Path) -> Path:
    """Where to move a file or folder before it is deleted: it disappears in one step."""
    return path.with_name(f"{_DELETED}{uuid.uuid4().hex}")


def is_deleted(path: Path) -> bool:
    """Tell whether a file or folder is being deleted."""
    return path.name.startswith((_DELETED, _OLD_DELETED)) or path.name.endswith(_OLD_GONE)


def new_temporary(path: Path) -> Path:
    """A hidden, unique path beside a file, for the version that will replace it."""
    return path.with_name(f".{_kept(path.name)}.{uuid.uuid4().hex}.tmp")


def temporary_of(path: Path) -> Path | None:
    """The file that a temporary file is to become, None if it is not temporary.

    A long name comes back shortened.
    """
    named = _TEMPORARY.fullmatch(path.name)
    return path.with_name(named[1]) if named else None


def is_cut_short(name: str) -> bool:
    """Tell whether a file's temporary files have only part of its name."""
    return _kept(name) != name


def _kept(name: str) -> str:
    return os.fsencode(name)[:_NAME_KEPT].decode(errors="ignore")
