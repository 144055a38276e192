"""KymDataset: keeps one table per indexer up to date, and answers SQL over them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from typing import TYPE_CHECKING

from kymflow.core.kym_dataset.indexers.base import Indexer, table_name
from kymflow.core.wording import counted
from kymflow_zarr.sql.queryable import Queryable

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from kymflow.core.kym_dataset.explain import Explanation
    from kymflow.core.kym_dataset.update.decide import Mode
    from kymflow.core.kym_dataset.update.report import UpdateReport
    from kymflow.core.workers.job import OnError
    from kymflow.core.workers.progress import ProgressCallback
    from kymflow_zarr import ZarrDataset, ZarrImageRecord
    from kymflow_zarr.sql.views import Views
    from kymflow_zarr.tables.types import AsOf


class KymDataset(Queryable):
    """The tables of a Zarr dataset of kymographs.

    SQL sees every table by its name, the last run of each image as ``<table>_runs``, and the
    params behind the rows' hashes as ``<table>_params``: as JSON, and each key as a column. The
    events that count are ``kym_events``, the traces searched for them ``kym_analysed``.

    ``len()`` counts the images, iterating yields a handle on each, and ``lab["image-id"]`` is one.

    Args:
        dataset: The dataset; opened for writing if tables are to be updated.

    Attributes:
        dataset: The dataset.
        last_update_stats: The report of the last ``update_index``, None before the first.
    """

    def __init__(self, dataset: ZarrDataset) -> None:
        self.dataset = dataset
        self.last_update_stats: UpdateReport | None = None

    def __repr__(self) -> str:
        images = len(self.dataset)
        tables = ", ".join(self.dataset.tables.names()) or "none yet"
        many = counted(images, "image")
        return f"<KymDataset {str(self.dataset.path)!r}: {many}; tables: {tables}>"

    def _repr_html_(self) -> str:
        from kymflow.core.kym_dataset.overview import show_tables

        return show_tables(self.dataset, self.staleness)

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[ZarrImageRecord]:
        return iter(self.dataset)

    def __contains__(self, image_id: object) -> bool:
        return image_id in self.dataset

    def __getitem__(self, image: str) -> ZarrImageRecord:
        """Return an image by its id or its file, see :func:`find_image`."""
        from kymflow.core.artifacts.image_names import find_image

        return self.dataset[find_image(self.dataset, image, abbreviated=False)]

    def update_index(
        self,
        indexer: Indexer,
        *,
        mode: Mode = "replace",
        image_ids: Iterable[str] | None = None,
        on_error: OnError = "raise",
        progress: ProgressCallback | None = None,
        workers: int | None = None,
        executor: Executor | None = None,
        verify: bool = False,
        changed: bool = False,
    ) -> UpdateReport:
        """Bring an indexer's table up to date.

        Args:
            indexer: Turns one image's artifacts into rows.
            mode: ``"replace"`` makes all rows again; ``"incremental"`` only those that are stale,
                see :meth:`staleness`.
            image_ids: Touch these images only; every image if None.
            on_error: What to do when an image's artifact is missing, unreadable or of the wrong
                schema. ``"record"`` finishes all other images and lists the failures in the
                report and the ledger; ``"raise"`` commits what was done before and raises. The
                failed image's old rows stand either way.
            progress: Called with a :class:`Progress` after each step.
            workers: Extract in this many local processes; in this one if None. It pays where
                an image costs milliseconds; see docs/scale.md.
            executor: Extract on this ``concurrent.futures.Executor`` instead, such as Dask's
                ``Client.get_executor()``. Its workers must reach the dataset's folder; see
                docs/scale.md.
            verify: Read every file behind the rows, whatever its times say, and ask the rows
                themselves, whatever the ledger says.
            changed: Look only at the images that the dataset's journal names as written to since
                this indexer's last update; at all where the journal does not reach back to that,
                or the version or the table is another. What other programs wrote is found by the
                next update of all images. Only with ``mode="incremental"``.

        Returns:
            What was done; also kept in ``last_update_stats``.

        Raises:
            ReadOnlyError: If the dataset is open for reading only.
            NoJournalError: With ``changed``, if the dataset keeps no journal.
            UsageError: If ``changed`` is given with what it does not go with.
            InvalidIndexerError: If the indexer's name or verbs are not as they must be.
            ImageNotFoundError: If an image asked for is neither in the dataset nor in the table.
            ArtifactError: With ``on_error="raise"``, the first failure.
            TableSchemaError: If a column's type can't be reconciled with the table's.
            IndexerOutputError: If the indexer returns rows that can't be stored.
            WorkerError: If an executor is lost; what was staged before is kept. With
                ``on_error="raise"``, also if an image kills the process that extracts it.

        Warns:
            CodeChangedWarning: If rows that are kept were made by other code of the same version.
        """
        from kymflow.core.kym_dataset.update.engine import update_table

        return update_table(
            self.dataset,
            indexer,
            self._remember,
            mode=mode,
            image_ids=image_ids,
            on_error=on_error,
            progress=progress,
            workers=workers,
            executor=executor,
            verify=verify,
            changed=changed,
        )

    def staleness(
        self,
        indexer: Indexer,
        *,
        image_ids: Iterable[str] | None = None,
        mode: Mode = "incremental",
        verify: bool = False,
    ) -> pl.DataFrame:
        """Say what an update would do, and why; nothing is changed.

        Args:
            indexer: The indexer.
            image_ids: Only these images; all if None.
            mode: Of the update that would follow.
            verify: As for :meth:`update_index`.

        Returns:
            Frame (image_id str, action ``skip``/``update``/``prune``, reason str, n_rows int64),
            a row for every image known to the dataset or the table, sorted by image_id.

        Warns:
            CodeChangedWarning: If rows that are fresh were made by other code of the same version.
        """
        from kymflow.core.kym_dataset.update.engine import find_stale

        return find_stale(self.dataset, indexer, image_ids=image_ids, mode=mode, verify=verify)

    def explain(self, indexer: Indexer, image_id: str) -> Explanation:
        """Say why one image is fresh or stale, down to the params keys that changed.

        Args:
            indexer: The indexer.
            image_id: The image.

        Raises:
            ImageNotFoundError: If the image is neither in the dataset nor in the table.
        """
        from kymflow.core.kym_dataset.update.engine import explain_image

        return explain_image(self.dataset, indexer, image_id)

    def diff(self, indexer: Indexer | str, before: AsOf, after: AsOf = None) -> pl.DataFrame:
        """Tell which images are otherwise in one version of a table than in another, and why.

        See :func:`kymflow.core.kym_dataset.diff.diff`.
        """
        from kymflow.core.kym_dataset.diff import diff

        table = indexer if isinstance(indexer, str) else table_name(indexer)
        return diff(self, table, before, after)

    def query(self, name: str, /, **params: object) -> pl.DataFrame:
        """Run a named query; :mod:`kymflow.core.queries.library` lists them.

        Args:
            name: Of the query, such as ``"event_rate"``.
            **params: Values for some of its parameters; the others have their defaults.

        Returns:
            The answer, its columns as the query's ``output`` says.

        Raises:
            UsageError: If there is no such query or parameter, or a value does not fit.
            TableNotFoundError: If a table that it reads was not built yet.
            QueryError: If it can't be answered.
        """
        from kymflow.core.queries.library import run

        return run(self.dataset, name, params)

    @property
    def _folder(self) -> Path:
        return self.dataset.path

    def _views(self) -> Views:
        from kymflow.core.queries.views import kym_views

        return kym_views(self.dataset)

    def _remember(self, report: UpdateReport) -> None:
        self.last_update_stats = report
