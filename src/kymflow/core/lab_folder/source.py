"""Where an image came from, and whether its files are still the same."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from kymflow.core.lab_folder.discover import LabImage
from kymflow.core.lab_folder.reading import broken
from kymflow_zarr.store.codecs import parse_json

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


def describe_source(image: LabImage, root: Path) -> dict[str, Any]:
    """Return what is recorded of an image's files: path, size in bytes, mtime, content hash.

    Raises:
        SourceFileError: If a file can't be read.
    """
    if not _is_unicode(f"{root}/{image.path}"):
        raise broken(image.tif, "its path is not valid Unicode; rename it")
    return {
        "root": str(root),
        "path": image.path,
        "folders": image.path.split("/")[:-1],
        "files": [{**_stat(path, root), "sha256": _sha256(path)} for path in image.files],
    }


def same_source(image: LabImage, root: Path, recorded: Mapping[str, Any]) -> bool:
    """Tell whether an image's files are those recorded: by size and mtime, else by content.

    Raises:
        SourceFileError: If a file can't be read.
    """
    files = {str(file.get("path")): file for file in recorded["files"]}
    if set(files) != {path.relative_to(root).as_posix() for path in image.files}:
        return False
    return all(_same_file(path, root, files) for path in image.files)


class KnownSources:
    """The images that a dataset already holds, by where they came from.

    Args:
        dataset: The dataset; the metadata of all its images is read once.
    """

    def __init__(self, dataset: ZarrDataset) -> None:
        self._by_file: dict[tuple[str, str], str] = {}
        self._by_content: dict[str, dict[str, str]] = {}
        self.sources: dict[str, Mapping[str, Any]] = {}
        ids = dataset.list_image_ids()
        blobs = dataset.get_many(f"images/{image_id}/analysis/metadata.json" for image_id in ids)
        for image_id, blob in zip(ids, blobs, strict=True):
            self._add(image_id, blob)

    def find(self, image: LabImage, root: Path) -> str | None:
        """Return the id of an image already there: same file, or same content at a moved root."""
        found = self._by_file.get((str(root), image.path))
        if found is None and image.path in self._by_content:
            found = self._by_content[image.path].get(_sha256(image.tif))
        return found

    def _add(self, image_id: str, blob: bytes | OSError | None) -> None:
        try:
            metadata = parse_json(blob) if isinstance(blob, bytes) else None
        except ValueError:
            return
        source = metadata.get("source") if isinstance(metadata, dict) else None
        if not isinstance(source, dict):
            return
        root, path, files = (source.get(name) for name in ("root", "path", "files"))
        if not isinstance(root, str) or not isinstance(path, str) or not _are_objects(files):
            return
        self.sources[image_id] = source
        self._by_file[root, path] = image_id
        content = next((file.get("sha256") for file in files), None)
        if isinstance(content, str):
            self._by_content.setdefault(path, {})[content] = image_id


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _same_file(path: Path, root: Path, recorded: Mapping[str, Any]) -> bool:
    now = _stat(path, root)
    then = recorded[now["path"]]
    if now["size"] != then.get("size"):
        return False
    return bool(now["mtime_ns"] == then.get("mtime_ns") or _sha256(path) == then.get("sha256"))


def _are_objects(files: object) -> TypeGuard[list[dict[str, Any]]]:
    """Tell whether a record of files is a list of objects."""
    return isinstance(files, list) and all(isinstance(file, dict) for file in files)


def _stat(path: Path, root: Path) -> dict[str, Any]:
    try:
        status = path.stat()
    except OSError as error:
        raise broken(path, error.strerror or str(error)) from error
    if not stat.S_ISREG(status.st_mode):
        raise broken(path, "it is no plain file")
    relative = path.relative_to(root).as_posix()
    return {"path": relative, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def _sha256(path: Path) -> str:
    if not path.is_file():
        raise broken(path, "it is no plain file")
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise broken(path, error.strerror or str(error)) from error
