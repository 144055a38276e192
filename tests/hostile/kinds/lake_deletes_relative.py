"""The catalog's list of files to delete names one outside, by dots."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute(
            "INSERT INTO ducklake_files_scheduled_for_deletion VALUES (99, $1, true, TIMESTAMPTZ '2020-01-01')",
            ["../../../../outside/secret.txt"],
        )
