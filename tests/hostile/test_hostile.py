"""Whoever opens a hostile dataset loses nothing and gives nothing away, by whatever door."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.hostile.doors import BRIEF, DOORS, OF_TABLES
from tests.hostile.suite import ALL, MODULES, TABLES, of, opened


def check(tmp_path: Path, tables: str, chosen: list[str], doors: list[str]) -> None:
    found = [
        f"{outcome['kind']} by {outcome['door']}: {', '.join(outcome['harm'])}"
        for outcome in opened(tmp_path, tables, chosen, doors)
        if outcome["harm"]
    ]
    assert not found, "\n".join(found)


ABOUT_TABLES = (
    *("catalog_", "postgres_", "parquet_", "names_of_", "folders_", "lake_"),
    *("link_tables", "link_index", "link_locks", "link_root", "link_staging", "pipe_"),
)
QUICK = {
    "plain": ["link_events_folder", "postgres_host"],
    "lake": ["lake_deletes_absolute", "lake_view_that_copies"],
}


@pytest.mark.parametrize("tables", ["plain", pytest.param("lake", marks=pytest.mark.long)])
def test_briefly(tmp_path: Path, tables: str) -> None:
    check(tmp_path, tables, QUICK[tables], list(BRIEF))


@pytest.mark.long
@pytest.mark.parametrize("tables", ["plain", pytest.param("lake", marks=pytest.mark.long)])
def test_every_door_opens_an_honest_dataset(tmp_path: Path, tables: str) -> None:
    """Else a door that never opens would be taken for one that holds."""
    shut = {o["door"] for o in opened(tmp_path, tables, [""], list(DOORS)) if o["said"][0] != "0"}
    history = {"sql --at", "history", "diff", "compact", "compact()"}
    expected = {"adopt", "adopt --moved"}
    expected |= {"to a lake"} if tables == "lake" else {"to plain files", *history}
    if "lake" not in TABLES:  # DuckLake's extensions are for DuckDB 1.5
        expected |= {"to a lake", "convert()"}
    if find_spec("altair") is None:
        expected |= {"plot", "show"}
    assert shut == expected


def batches() -> Iterator[Any]:
    """Yield a few kinds at a time: one process makes the honest dataset for all of them.

    What is not about a lake passes every door of a plain dataset; what may meet its tables passes
    those of a lake that tables have a part in.
    """
    plain, lake = of("plain"), of("lake") if "lake" in TABLES else []
    both = [kind for kind in lake if kind in plain and kind.startswith(ABOUT_TABLES)]
    rounds = {
        "plain": ("plain", plain, list(DOORS)),
        "lake": ("lake", [kind for kind in lake if kind not in plain], list(DOORS)),
        "both": ("lake", both, list(OF_TABLES)),
    }
    for name, (tables, known, doors) in rounds.items():
        for start in range(0, len(known), 8):
            chosen = known[start : start + 8]
            yield pytest.param(tables, chosen, doors, id=f"{name}-{chosen[0]}-{chosen[-1]}")


@pytest.mark.long
@pytest.mark.parametrize(("tables", "chosen", "doors"), list(batches()))
def test_at_length(tmp_path: Path, tables: str, chosen: list[str], doors: list[str]) -> None:
    check(tmp_path, tables, chosen, doors)


def test_there_are_sixty_kinds_and_each_says_what_it_is() -> None:
    assert len(ALL) >= 60
    assert all(module.__doc__ for module in MODULES.values())
