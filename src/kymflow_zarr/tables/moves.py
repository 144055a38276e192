"""Reads that outlast a conversion: tables that are moved meanwhile are read where they went."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from kymflow_zarr.errors import DatasetError, QueryTimeoutError
from kymflow_zarr.store import layout
from kymflow_zarr.store.reads import stamp

T = TypeVar("T")
_TRIES = 50


def read_in_place(dataset: Path, read: Callable[[], T]) -> T:
    """Read tables, again if they were moved into a lake or back meanwhile.

    Args:
        dataset: The dataset's folder.
        read: Reads them; it asks again where they are.

    Returns:
        What ``read`` returned while the tables stayed where they are.
    """
    config, folder = layout.lake_config(dataset), layout.lake_config(dataset).parent
    for _ in range(_TRIES):
        moves, changes = stamp(config), stamp(folder)
        try:
            answer = read()
        except QueryTimeoutError:
            raise
        except (DatasetError, OSError):
            # There and back leaves the same configuration; the folder's time tells of it.
            if (stamp(config), stamp(folder)) == (moves, changes):
                raise
            continue
        if stamp(config) == moves:
            return answer
    return read()
