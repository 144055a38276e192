"""Base of artifact-backed indexers: a params JSON and a rows table an image, read in bulk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from kymflow.core.artifacts.conform import conform
from kymflow.core.artifacts.provenance import dumps_parsed, stable_json_dumps, text_hash
from kymflow.core.errors import ParamsError
from kymflow.core.kym_dataset.conflicts import fitted
from kymflow.core.kym_dataset.indexers.base import (
    NEVER_ANALYSED,
    BaseIndexer,
    DueImages,
    ExtractedBatch,
    ParamsHashes,
    WatchedFiles,
)
from kymflow.core.kym_dataset.indexers.bulk import (
    ROWS_ENDINGS,
    RowsFile,
    find_rows_file,
    hash_readable,
    scan_rows,
)
from kymflow_zarr import ZarrImageRecord
from kymflow_zarr.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    ArtifactSchemaError,
    ArtifactUnreadableError,
    UsageError,
)
from kymflow_zarr.frames import stack, storable
from kymflow_zarr.reasons import first_line, reason
from kymflow_zarr.store.codecs import gunzip, parse_json
from kymflow_zarr.store.reads import read_many
from kymflow_zarr.store.stamps import content_hash

if TYPE_CHECKING:
    from kymflow_zarr.store.store import Store

_REMEMBERED = 4096

Blob = bytes | Exception | None
"""A file's bytes, None where there is none, the error where it can't be read."""


class ArtifactIndexer(BaseIndexer):
    """An indexer whose params and rows are artifacts of each image.

    A subclass names them::

        class Stalls(ArtifactIndexer):
            name = "stalls"
            version = "stalls@1"
            params_artifact = "stalls/params"
            rows_artifacts = ("stalls/rows",)
            schema = {"roi_id": pl.Int32(), "duration_s": pl.Float64()}

    An image with rows but no params was made with ``default_params``. An image with neither was
    never analysed: its params are None and it has no rows. Params without rows are an error.

    Attributes:
        version: The analysis_version.
        params_artifact: Name of the params JSON artifact.
        default_params: The params of images that hold none.
        rows_artifacts: Names of the rows artifact, first choice first; each is looked for as
            ``.parquet``, then ``.csv.gz``.
        schema: Columns every row has, with their dtypes. Absent ones become nulls; others are kept.
        aliases: Older column names, each with today's.
    """

    version: ClassVar[str]
    params_artifact: ClassVar[str]
    default_params: ClassVar[Mapping[str, Any]] = {}
    rows_artifacts: ClassVar[tuple[str, ...]] = ()
    schema: ClassVar[Mapping[str, pl.DataType]] = {}
    aliases: ClassVar[Mapping[str, str]] = {}

    def analysis_version(self) -> str:
        """Return the version of the analysis."""
        return self.version

    def params(self, rec: ZarrImageRecord) -> Mapping[str, Any] | None:
        """Return one image's params; None if it was never analysed.

        Raises:
            ArtifactUnreadableError: If the params artifact is not JSON.
            ArtifactSchemaError: If it is not an object.
        """
        return self._params_of(rec, self._blob(rec))

    def params_hash(self, rec: ZarrImageRecord) -> str:
        """Return the hash of one image's params."""
        return text_hash(self.canonical(rec, self._blob(rec)))

    def extract_rows(self, rec: ZarrImageRecord) -> pl.DataFrame:
        """Return one image's rows, in the order of its artifact.

        Raises:
            ArtifactNotFoundError: If the image has params but no rows artifact.
            ArtifactUnreadableError: If the artifact can't be read.
            ArtifactSchemaError: If a column can't be brought to its dtype.
        """
        batch = self.extract_batch(rec.dataset, [rec.image_id])
        for error in batch.errors.values():
            raise error
        return batch.rows

    def watched_files(self, store: Store) -> WatchedFiles:
        """Name the params file and the rows file of an image."""
        params = tuple(f"analysis/{self.params_artifact}{end}" for end in (".json", ".json.gz"))
        rows = (f"analysis/{name}{end}" for name in self.rows_artifacts for end in ROWS_ENDINGS)
        return WatchedFiles(params, tuple(rows))

    def params_hashes(self, dataset: Store, image_ids: Sequence[str]) -> ParamsHashes:
        """Return the params hash of many images; equal bytes are parsed and hashed once."""
        hashes: list[str | None] = []
        errors: dict[str, Exception] = {}
        texts: dict[str, str] = {}
        contents: list[bytes | None] = []
        known: dict[Blob, str] = {}
        for image_id, blob in zip(image_ids, self.read_blobs(dataset, image_ids), strict=True):
            contents.append(content_hash(blob) if isinstance(blob, bytes) else None)
            if blob in known:
                hashes.append(known[blob])
                continue
            try:
                text = self.canonical(ZarrImageRecord(dataset, image_id), blob)
            except ArtifactError as error:
                hashes.append(None)
                errors[image_id] = error
                continue
            value = text_hash(text)
            texts[value] = text
            hashes.append(value)
            if blob is not None and len(known) < _REMEMBERED:
                known[blob] = value
        return ParamsHashes(hashes, errors, texts, contents)

    def extract_batch(self, dataset: Store, image_ids: Sequence[str]) -> ExtractedBatch:
        """Return the rows of many images, by one scan over their Parquet files where that goes."""
        sources, errors = self._sources(dataset, DueImages.of(image_ids))
        plain = {file.path: i for i, file in sources.items() if file and file.scannable}
        hashes = dict(hash_readable(plain))
        scannable = {path: plain[path] for path in hashes}
        contents = {plain[path]: content for path, content in hashes.items()}
        frames: list[pl.DataFrame] = []
        scanned = self._scan(scannable)
        if scanned is not None:
            frames.append(scanned)
        for image_id, file in sources.items():
            if file is None or (scanned is not None and file.path in scannable):
                continue
            try:
                frames.append(self.read_rows(ZarrImageRecord(dataset, image_id)))
            except ArtifactError as error:
                errors[image_id] = error
        frames.append(pl.DataFrame(schema=self._whole_schema))
        try:
            return ExtractedBatch(stack(frames), errors, contents)
        except UsageError:
            fitting = self._fitting(dataset, frames, errors)
            return ExtractedBatch(stack(fitting), errors, contents)

    def _fitting(
        self, dataset: Store, frames: Sequence[pl.DataFrame], errors: dict[str, Exception]
    ) -> list[pl.DataFrame]:
        """Return the frames less the images whose columns don't fit the others'; these failed."""
        rest, out = fitted(frames)
        for image_id, why in out.items():
            errors[image_id] = self._bad_rows(ZarrImageRecord(dataset, image_id), why)
        return rest

    def _scan(self, paths: Mapping[str, str]) -> pl.DataFrame | None:
        """Read many Parquet files of one schema at once; None where they are not so alike."""
        rows = scan_rows(paths) if paths else None
        try:
            return (
                None if rows is None else storable(conform(rows, self._whole_schema, self.aliases))
            )
        except (ValueError, pl.exceptions.PanicException):
            return None

    def read_rows(self, rec: ZarrImageRecord) -> pl.DataFrame:
        """Load one image's rows artifact, in the schema, with ``image_id``.

        Raises:
            ArtifactNotFoundError: If it has none.
            ArtifactUnreadableError: If it can't be read.
            ArtifactSchemaError: If a column can't be brought to its dtype.
        """
        for artifact in self.rows_artifacts:
            for load in (rec.load_df_parquet, partial(rec.load_df_csv_gz, texts=self._texts)):
                try:
                    rows = load(artifact)
                except ArtifactNotFoundError:
                    continue
                owned = rows.with_columns(pl.lit(rec.image_id, dtype=pl.String).alias("image_id"))
                try:
                    return storable(conform(owned, self._whole_schema, self.aliases))
                except (ValueError, pl.exceptions.PanicException) as error:
                    raise self._bad_rows(rec, first_line(error), artifact) from error
        raise self._no_rows(rec)

    def _sources(
        self, dataset: Store, due: DueImages
    ) -> tuple[dict[str, RowsFile | None], dict[str, Exception]]:
        """Return each image's rows file, None for an image that was never analysed."""
        sources: dict[str, RowsFile | None] = {}
        errors: dict[str, Exception] = {}
        for image_id in due:
            found = self._rows_file(dataset, image_id)
            surveyed = due.params_hash(image_id)
            # Whether it was analysed is what the survey says: the image may be another by now.
            if found is None and (
                self._blob(ZarrImageRecord(dataset, image_id)) is not None
                if surveyed is None
                else surveyed != NEVER_ANALYSED
            ):
                errors[image_id] = self._no_rows(ZarrImageRecord(dataset, image_id))
            else:
                sources[image_id] = found
        return sources, errors

    def _rows_file(self, dataset: Store, image_id: str) -> RowsFile | None:
        return find_rows_file(f"{dataset.path}/images/{image_id}/analysis", self.rows_artifacts)

    def _no_rows(self, rec: ZarrImageRecord) -> ArtifactNotFoundError:
        return ArtifactNotFoundError(
            f"the image has {self.params_artifact!r} but no {self.rows_artifacts[0]!r}; "
            f"run its analysis again, or delete its params",
            dataset=str(rec.dataset.path),
            image_id=rec.image_id,
            artifact=self.rows_artifacts[0],
        )

    def read_blobs(self, dataset: Store, image_ids: Sequence[str]) -> Iterator[Blob]:
        """Yield each image's params file; a ``.json.gz`` is looked for where no ``.json`` is."""
        stem = f"analysis/{self.params_artifact}.json"
        blobs = dataset.get_many(f"images/{image_id}/{stem}" for image_id in image_ids)
        for image_id, blob in zip(image_ids, blobs, strict=True):
            yield self._unpacked(ZarrImageRecord(dataset, image_id)) if blob is None else blob

    def _blob(self, rec: ZarrImageRecord) -> Blob:
        return next(self.read_blobs(rec.dataset, [rec.image_id]))

    def _unpacked(self, rec: ZarrImageRecord) -> Blob:
        path = rec.artifact_path(self.params_artifact, ".json.gz")
        [packed] = read_many([os.fspath(path)])
        try:
            return gunzip(packed) if isinstance(packed, bytes) else packed
        except ValueError as error:
            return error

    def canonical(self, rec: ZarrImageRecord, blob: Blob) -> str:
        """Return an image's canonical params JSON, of its params file.

        Raises:
            ArtifactUnreadableError: If the file is not JSON.
            ArtifactSchemaError: If it is not an object, or has no canonical form.
        """
        return self._canonical(rec, self._params_of(rec, blob), parsed=blob is not None)

    def _canonical(
        self, rec: ZarrImageRecord, params: Mapping[str, Any] | None, *, parsed: bool
    ) -> str:
        try:
            return dumps_parsed(params) if parsed else stable_json_dumps(params)
        except ParamsError as error:
            raise self._bad_params(rec, first_line(error)) from error

    def _params_of(self, rec: ZarrImageRecord, blob: Blob) -> Mapping[str, Any] | None:
        if blob is None:
            analysed = self._rows_file(rec.dataset, rec.image_id) is not None
            return self.default_params if analysed else None
        if isinstance(blob, Exception):
            raise ArtifactUnreadableError(
                f"the params can't be read: {reason(blob)}; repair the file",
                dataset=str(rec.dataset.path),
                image_id=rec.image_id,
                artifact=self.params_artifact,
            ) from blob
        try:
            params = parse_json(blob)
        except ValueError as error:
            raise self._bad_params(rec, first_line(error)) from error
        if not isinstance(params, dict):
            raise self._bad_params(rec, f"it holds a {type(params).__name__}, not an object")
        return params

    def _bad_rows(
        self, rec: ZarrImageRecord, why: str, artifact: str | None = None
    ) -> ArtifactSchemaError:
        return ArtifactSchemaError(
            f"{why}; repair the artifact or make it again",
            dataset=str(rec.dataset.path),
            image_id=rec.image_id,
            artifact=artifact or self.rows_artifacts[0],
        )

    def _bad_params(self, rec: ZarrImageRecord, why: str) -> ArtifactSchemaError:
        return ArtifactSchemaError(
            f"the params can't be used: {why}; repair the file",
            dataset=str(rec.dataset.path),
            image_id=rec.image_id,
            artifact=self.params_artifact,
        )

    @property
    def _texts(self) -> list[str]:
        """The columns that CSV holds as text whatever is in them, under all their names."""
        texts = [name for name, dtype in self._whole_schema.items() if dtype == pl.String]
        return [*texts, *(old for old, new in self.aliases.items() if new in texts)]

    @property
    def _whole_schema(self) -> dict[str, pl.DataType]:
        return {"image_id": pl.String(), **self.schema}
