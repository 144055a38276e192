"""A locked-down, read-only DuckDB session over one dataset's tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import polars as pl

from kymflow.core.errors import QueryError
from kymflow_zarr.files import read_unchanged

if TYPE_CHECKING:
    from types import TracebackType

    from kymflow_zarr import ZarrDataset


class Session:
    """An in-memory DuckDB with a view for each table, ledger and params file of a dataset.

    Nothing outside those files can be read, and nothing at all written: external access is off
    but for their exact paths, extensions can't be loaded, and the configuration is locked.

    Args:
        dataset: The dataset; reading it is enough.
    """

    def __init__(self, dataset: ZarrDataset) -> None:
        self._dataset = dataset
        self._con = duckdb.connect()
        files = view_files(dataset)
        try:
            for name, path in files.items():
                self._con.read_parquet(str(path)).create_view(name)
        except duckdb.Error as error:
            self._con.close()
            raise QueryError(
                f"table {name!r} can't be read: {str(error).splitlines()[0]}; restore its file, "
                f"or delete it and build it again",
                dataset=str(dataset.path),
                artifact=str(path),
            ) from error
        self._views = list(files)
        self._lock_down(list(files.values()))

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._con.close()

    def query(self, sql: str, params: Mapping[str, Any] | list[Any] | None = None) -> pl.DataFrame:
        """Return the answer of one query.

        Args:
            sql: DuckDB SQL.
            params: Values for ``$name`` or ``?`` in it.

        Raises:
            QueryError: If DuckDB refuses the query; the message is DuckDB's.
        """
        try:
            values = dict(params) if isinstance(params, Mapping) else params
            answer = self._con.sql(sql, params=values)
            if answer is None:
                raise QueryError(
                    "the statement returns no rows; this session answers queries only",
                    dataset=str(self._dataset.path),
                )
            return answer.pl()
        except duckdb.Error as error:
            tables = ", ".join(self._views) or "none yet: run `kymflow index` first"
            hint = f"\nTables here: {tables}" if isinstance(error, duckdb.CatalogException) else ""
            raise QueryError(f"{error}{hint}", dataset=str(self._dataset.path)) from error

    def _lock_down(self, paths: list[Path]) -> None:
        allowed = ", ".join("'" + str(path).replace("'", "''") + "'" for path in paths)
        self._con.execute(f"SET allowed_paths = [{allowed}]")
        for setting in (
            "enable_external_access = false",
            "python_enable_replacements = false",
            "autoinstall_known_extensions = false",
            "autoload_known_extensions = false",
            "lock_configuration = true",
        ):
            self._con.execute(f"SET {setting}")


def view_files(dataset: ZarrDataset) -> dict[str, Path]:
    """Return every view a session has, by name, with the Parquet file behind it."""
    tables = {name: dataset.tables.path(name) for name in dataset.tables.names()}
    index = dataset.path / "index"
    derived = {
        f"{name}_{kind}": index / f"{name}.{kind}.parquet"
        for name in tables
        for kind in ("runs", "params")
    }
    known = {name: path for name, path in derived.items() if path.is_file() and name not in tables}
    return {name: path.resolve() for name, path in sorted({**tables, **known}.items())}


def answer(
    dataset: ZarrDataset, sql: str, params: Mapping[str, Any] | list[Any] | None = None
) -> pl.DataFrame:
    """Return the answer of one query, from tables as they were at one moment.

    Args:
        dataset: The dataset; reading it is enough.
        sql: DuckDB SQL.
        params: Values for ``$name`` or ``?`` in it.

    Raises:
        QueryError: If DuckDB refuses the query; the message is DuckDB's.
    """

    def ask() -> pl.DataFrame:
        with Session(dataset) as session:
            return session.query(sql, params)

    return read_unchanged(list(view_files(dataset).values()), ask)


def select_images(dataset: ZarrDataset, where: str) -> list[str]:
    """Return the ids of the images that a SQL condition over ``kym_images`` picks.

    Args:
        dataset: The dataset; its ``kym_images`` table must have been built.
        where: What follows ``WHERE``.

    Raises:
        QueryError: If there is no ``kym_images`` table, or DuckDB refuses the condition.
    """
    if not dataset.tables.exists("kym_images"):
        raise QueryError(
            "a condition over kym_images needs that table; run `kymflow index DATASET images`",
            dataset=str(dataset.path),
        )
    picked = answer(dataset, f"SELECT image_id FROM kym_images WHERE ({where}\n)")
    return picked["image_id"].to_list()
