"""Near misses: the names most like a mistaken one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def near(name: str, names: Iterable[str]) -> list[str]:
    """Return the names most like a mistaken one, at most three, the likest first."""
    lowered = {each.lower(): each for each in names}
    like = get_close_matches(name.lower(), lowered, n=3, cutoff=0.6)
    holding = [each for each in lowered if len(name) > 2 and name.lower() in each]
    return [lowered[each] for each in dict.fromkeys([*like, *holding])][:3]


def did_you_mean(names: Sequence[str]) -> str:
    """Return a question that offers names, with a space before it; empty without names."""
    return f" Did you mean {' or '.join(repr(name) for name in names)}?" if names else ""
