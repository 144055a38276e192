"""How a locked-down connection reaches its tables."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol

from kymflow_zarr.backend import TableKey


class Sources(Protocol):
    """The tables of one session: opened, allowed for, then read by SQL."""

    def open(self, *, descriptors: bool) -> list[str]:
        """Open the tables, before the connection is locked down.

        Args:
            descriptors: Whether files may be opened by their own names or descriptors, which is
                the fastest way. What can be opened so can be written to by ``COPY``: only for
                queries that can do nothing but read.

        Returns:
            The settings that let the connection read them and nothing else.

        Raises:
            QueryError: If one can't be opened.
        """

    def locked(self) -> None:
        """Go on once the connection is locked down."""

    def sql(self, table: TableKey) -> str:
        """Return what stands for a table after ``FROM``."""

    def identity(self, table: TableKey) -> Hashable:
        """Return what tells this state of a table from any other."""

    def named(self, message: str) -> str:
        """Put the tables' own names into a message."""
