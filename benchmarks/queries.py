"""The queries that both kymflow and bare DuckDB answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.work import sql
from benchmarks.workload import Workload


@dataclass(frozen=True, slots=True)
class Query:
    """A query of ``benchmarks/sql/queries``, by its name."""

    name: str

    @property
    def text(self) -> str:
        """Its SQL, which names the table of events."""
        return sql(f"queries/{self.name}")

    def params(self, place: Path) -> dict[str, str] | None:
        """Return the values of its parameters: nothing, or ``$image_id``."""
        if "$image_id" not in self.text:
            return None
        return {"image_id": Workload.open(place).ids[0]}
