"""What an indexer is: one object that turns one image's artifacts into rows."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from kymflow.core.errors import InvalidIndexerError

if TYPE_CHECKING:
    pass


import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, runtime_checkable

from kymflow.core.kym_dataset.provenance import params_hash as hash_params

if TYPE_CHECKING:
    import polars as pl

    from kymflow_zarr import ZarrDataset, ZarrImageRecord

NAME_PATTERN = r"[a-z0-9_]+"
TABLE_PREFIX = "kym_"


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
    """

    name: str

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
        """

    def params(self, rec: ZarrImageRecord) -> Mapping[str, Any] | None:
        """Return the params that one image's rows are made with; None if never analysed."""
        raise NotImplementedError(f"{type(self).__name__} defines neither params nor params_hash")

    def params_hash(self, rec: ZarrImageRecord) -> str:
        """Return the hash of the params of one image."""
        return hash_params(self.params(rec))


@dataclass(frozen=True, slots=True)
class ParamsHashes:
    """Answer of the bulk verb ``params_hashes(dataset, image_ids)``.

    Attributes:
        hashes: One hash an image, in the order asked; None where params could not be read.
        errors: The error of each image whose hash is None.
    """

    hashes: Sequence[str | None]
    errors: Mapping[str, Exception] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExtractedBatch:
    """Answer of the bulk verb ``extract_batch(dataset, image_ids)``.

    Attributes:
        rows: The rows of all images of the batch, with their ``image_id``.
        errors: The error of each image that could not be read; it has no rows.
    """

    rows: pl.DataFrame
    errors: Mapping[str, Exception] = field(default_factory=dict)


@runtime_checkable
class BulkHasher(Protocol):
    """An indexer that hashes the params of many images at once."""

    def params_hashes(self, dataset: ZarrDataset, image_ids: Sequence[str]) -> ParamsHashes:
        """Return the params hashes of many images."""
        ...


@runtime_checkable
class BulkExtractor(Protocol):
    """An indexer that extracts the rows of many images at once."""

    def extract_batch(self, dataset: ZarrDataset, image_ids: Sequence[str]) -> ExtractedBatch:
        """Return the rows of many images."""
        ...


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
