"""The queries that are asked of kymflow and of bare DuckDB alike."""

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
        """Its SQL, over the table of events by its name."""
        return sql(f"queries/{self.name}")

    def params(self, place: Path) -> dict[str, str] | None:
        """Return the values for its parameters: there are none, or ``$image_id``."""
        if "$image_id" not in self.text:
            return None
        return {"image_id": Workload.open(place).ids[0]}
