"""Matrices are kept up to a number of bytes, those used last."""

from __future__ import annotations

from scipy.sparse import csr_array, eye_array

from kymflow.core.velocity.recent import RecentMatrices

SIZE = 12 * 1000 + 4 * 1001
"""Bytes of a unit matrix of 1,000 rows: a float64 and an int32 each, and where rows begin."""


def matrix() -> csr_array:
    return eye_array(1000, format="csr")


def made(recent: RecentMatrices, key: str) -> bool:
    """Ask for a matrix, and tell whether it had to be made."""
    making = []
    recent.get(key, lambda: making.append(key) or matrix())
    return bool(making)


def test_what_was_used_last_is_kept() -> None:
    recent = RecentMatrices(2 * SIZE)
    assert [made(recent, key) for key in "aabaca"] == [True, False, True, False, True, False]
    assert made(recent, "b"), "dropped for c, since a was used after it"
    assert recent.n_bytes == 2 * SIZE


def test_what_is_too_large_is_made_every_time() -> None:
    recent = RecentMatrices(SIZE - 1)
    assert made(recent, "a")
    assert made(recent, "a")
    assert recent.n_bytes == 0
