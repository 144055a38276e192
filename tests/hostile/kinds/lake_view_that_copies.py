"""The catalog's list of files is a view that reads a database outside."""

from __future__ import annotations

from tests.hostile.place import Place

IN = ("lake",)


def make(place: Place) -> None:
    with place.catalog() as con:
        con.execute("ALTER TABLE ducklake_data_file RENAME TO kept")
        con.execute(
            f"CREATE VIEW ducklake_data_file AS SELECT kept.* FROM kept, read_csv('{place.outside}/secret.csv')"
        )
