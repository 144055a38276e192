"""What an indexer is: one object that turns one image's artifacts into rows."""

from __future__ import annotations

import pickle
import re
from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, runtime_checkable

from kymflow.core.artifacts.provenance import params_hash as hash_params
from kymflow.core.errors import InvalidIndexerError
from kymflow_zarr.errors import ArtifactError, OutsideError

if TYPE_CHECKING:
    import polars as pl

    from kymflow_zarr import ZarrImageRecord
    from kymflow_zarr.store.store import Store

NAME_PATTERN = r"[a-z0-9_]+"
TABLE_PREFIX = "kym_"
NEVER_ANALYSED = hash_params(None)
"""The params hash of an image that has neither params nor rows."""


@runtime_checkable
class Indexer(Protocol):
    """The verbs that the engine needs of an indexer; no base class is required."""

    name: str

    def analysis_version(self) -> str:
        """Return the version of the analysis; raise it when rows would come out differently."""
        ...

    def params_hash(self, rec: ZarrImageRecord) -> str:
        """Return the hash of the params that one image's rows are made with."""
        ...

    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        """Return one image's rows as a Polars frame or anything with an Arrow stream."""
        ...


class BaseIndexer(ABC):
    """Base of an indexer; a subclass names itself and fills in three verbs.

    A subclass gives ``params`` and lets the hash follow, or gives ``params_hash`` itself. With
    ``params`` the engine can also say which key changed.

    Attributes:
        name: The indexer's name; its table is ``kym_<name>``.
        image_errors: The exceptions of its own that mean "this image can't be indexed", beside
            :class:`~kymflow_zarr.errors.ArtifactError`. Such an image fails alone under
            ``on_error="record"``; any other exception is a bug and stops the update.
    """

    name: str
    image_errors: ClassVar[tuple[type[Exception], ...]] = ()

    @abstractmethod
    def analysis_version(self) -> str:
        """Return the version of the analysis; raise it when rows would come out differently."""

    @abstractmethod
    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        """Return one image's rows.

        Args:
            rec: The image.

        Returns:
            A Polars frame, or anything that speaks the Arrow PyCapsule stream. Provenance columns
            are set by the engine.

        Raises:
            ArtifactError: If an artifact is missing, unreadable or of the wrong schema.
            Exception: One of ``image_errors``, if the image can't be indexed for another reason.
        """

    def params(self, rec: ZarrImageRecord) -> Mapping[str, Any] | None:
        """Return the params that one image's rows are made with; None if never analysed."""
        raise NotImplementedError(f"{type(self).__name__} defines neither params nor params_hash")

    def params_hash(self, rec: ZarrImageRecord) -> str:
        """Return the hash of the params of one image."""
        return hash_params(self.params(rec))


class WatchedFiles(NamedTuple):
    """The files that an image's rows are made of, relative to the image's folder.

    Attributes:
        params: The params; of several names the first that is there counts.
        rows: The artifact that holds the rows; likewise.
    """

    params: tuple[str, ...]
    rows: tuple[str, ...]


@runtime_checkable
class FileBacked(Protocol):
    """An indexer whose rows are made of two files of each image, and of nothing else.

    The engine then notices any change of them, whoever makes it.
    """

    def watched_files(self, store: Store) -> WatchedFiles:
        """Name the files."""
        ...


@runtime_checkable
class Derived(Protocol):
    """An indexer whose artifacts are themselves made of something, which may change."""

    def made_of_older(self, store: Store, image_ids: Sequence[str]) -> Sequence[str]:
        """Name those images whose artifacts were made of what is no longer there."""
        ...


@dataclass(frozen=True, slots=True)
class ParamsHashes:
    """Answer of the bulk verb ``params_hashes(dataset, image_ids)``.

    Attributes:
        hashes: One hash per image, in the order asked; None where params could not be read.
        errors: The error of each image whose hash is None.
        texts: The canonical params JSON behind hashes, of as many as are at hand: it is kept with
            the hash, and comes back with the images to extract, see :class:`DueImages`.
        contents: The hash of each params file's bytes, for an indexer that is
            :class:`FileBacked`; None where there is no file, or it can't be read.
    """

    hashes: Sequence[str | None]
    errors: Mapping[str, Exception] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    contents: Sequence[bytes | None] = ()


class DueImages(list[str]):
    """The ids of images to extract, with the params that the survey found.

    ``extract_batch`` is called with it, and may take it for the list that it is. Rows made of
    these params are those that the hash beside them stands for, whatever is written meanwhile.

    Args:
        image_ids: The ids.
        hashes: The params hash of each.
        texts: The canonical params JSON behind hashes, of as many as were kept.
    """

    def __init__(
        self,
        image_ids: Iterable[str],
        hashes: Mapping[str, str] | None = None,
        texts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(image_ids)
        self._hashes = hashes or {}
        self._texts = texts or {}

    @classmethod
    def of(cls, image_ids: Sequence[str]) -> DueImages:
        """Return image ids as such a list, which may know nothing of their params."""
        return image_ids if isinstance(image_ids, cls) else cls(image_ids)

    def params_hash(self, image_id: str) -> str | None:
        """Return an image's params hash, None if it is not known."""
        return self._hashes.get(image_id)

    def params_text(self, image_id: str) -> str | None:
        """Return an image's canonical params JSON, None if it was not kept."""
        return self._texts.get(self._hashes.get(image_id, ""))

    def without(self, image_ids: Container[str]) -> DueImages:
        """Return the others."""
        others = (image_id for image_id in self if image_id not in image_ids)
        return DueImages(others, self._hashes, self._texts)


@dataclass(frozen=True, slots=True)
class ExtractedBatch:
    """Answer of the bulk verb ``extract_batch(dataset, image_ids)``.

    Attributes:
        rows: The rows of all images of the batch, with their ``image_id``.
        errors: The error of each image that could not be read; it has no rows.
        contents: The hashes of the bytes of rows files, of as many as were read whole anyway:
            the engine needs not read them again for an indexer that is :class:`FileBacked`.
        texts: The canonical params JSON of images, of as many as were read for their rows anyway:
            the engine records it without reading the params again.
    """

    rows: pl.DataFrame
    errors: Mapping[str, Exception] = field(default_factory=dict)
    contents: Mapping[str, bytes] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@runtime_checkable
class BulkHasher(Protocol):
    """An indexer that hashes the params of many images at once."""

    def params_hashes(self, dataset: Store, image_ids: Sequence[str]) -> ParamsHashes:
        """Return the params hashes of many images."""
        ...


@runtime_checkable
class BulkExtractor(Protocol):
    """An indexer that extracts the rows of many images at once."""

    def extract_batch(self, dataset: Store, image_ids: Sequence[str]) -> ExtractedBatch:
        """Return the rows of many images."""
        ...


def image_errors(indexer: Indexer) -> tuple[type[Exception], ...]:
    """Return the exceptions by which an indexer says that one image can't be indexed.

    Raises:
        InvalidIndexerError: If its ``image_errors`` are not a tuple of exceptions.
    """
    own = getattr(indexer, "image_errors", ())
    if isinstance(own, tuple) and all(
        isinstance(kind, type) and issubclass(kind, Exception) for kind in own
    ):
        return (ArtifactError, OutsideError, *own)
    raise InvalidIndexerError(
        f"indexer {indexer.name!r} has image_errors {own!r}; give a tuple of exception classes, "
        f"such as (ValueError,)"
    )


def table_name(indexer: Indexer) -> str:
    """Return the name of an indexer's table.

    Raises:
        InvalidIndexerError: If the indexer lacks a verb, or its name is not lower-case letters,
            digits and underscores, or begins with the reserved prefix.
    """
    if not isinstance(indexer, Indexer):
        verbs = ("name", "analysis_version", "params_hash", "extract_rows")
        lacking = ", ".join(verb for verb in verbs if not hasattr(indexer, verb))
        raise InvalidIndexerError(f"{type(indexer).__name__} is not an indexer: it lacks {lacking}")
    name = indexer.name
    if not isinstance(name, str) or not re.fullmatch(NAME_PATTERN, name):
        raise InvalidIndexerError(f"indexer name {name!r} must match {NAME_PATTERN}")
    if name.startswith(TABLE_PREFIX):
        raise InvalidIndexerError(
            f"indexer name {name!r} begins with the reserved prefix {TABLE_PREFIX!r}; "
            f"the engine adds it to the table's name itself"
        )
    return f"{TABLE_PREFIX}{name}"


def check_can_travel(indexer: Indexer) -> None:
    """Refuse an indexer that can't be sent to another process.

    Raises:
        InvalidIndexerError: If it can't be pickled.
    """
    try:
        pickle.dumps(indexer)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InvalidIndexerError(
            f"indexer {indexer.name!r} can't be sent to worker processes ({error}); define its "
            f"class at the top level of a module and keep open files and locks out of it"
        ) from error
