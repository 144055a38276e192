"""A table of the catalog is a view that reads a file outside."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute("ALTER TABLE ducklake_snapshot RENAME TO kept")
        con.execute(
            f"CREATE VIEW ducklake_snapshot AS SELECT kept.* FROM kept, read_text('{place.outside}/secret.txt')"
        )
