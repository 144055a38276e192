"""Matrices used last, kept for the next recording of the same shape."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class RecentMatrices:
    """Sparse matrices up to a number of bytes; those not used for longest are dropped.

    Any thread may ask; two that ask for the same new matrix at once both make it.

    Args:
        limit: Bytes to keep at the most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept: OrderedDict[Hashable, csr_array] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable, make: Callable[[], csr_array]) -> csr_array:
        """Return the matrix of a key, made if it is not kept."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            self._kept[key] = made
            while self.n_bytes > self._limit:
                self._kept.popitem(last=False)
        return made

    @property
    def n_bytes(self) -> int:
        """Bytes that the kept matrices take."""
        return sum(_n_bytes(matrix) for matrix in self._kept.values())


def _n_bytes(matrix: csr_array) -> int:
    return int(matrix.data.nbytes + matrix.indices.nbytes + matrix.indptr.nbytes)
