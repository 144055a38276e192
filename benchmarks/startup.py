"""Start-up times: whole processes, imports included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.work import TABLE, Work
from benchmarks.workload import Workload


def bare_python(_: Path) -> Work:
    """Start Python and end it."""
    return _process(sys.executable, "-c", "pass")


def import_package(_: Path) -> Work:
    """Start Python, import the engine's package, and end it."""
    return _process(sys.executable, "-c", "import kymflow.core.kym_dataset")


def show_help(_: Path) -> Work:
    """Run ``kymflow --help`` by its console script."""
    return _process(_kymflow(), "--help")


def ask_kymflow(place: Path) -> Work:
    """Count a table's rows by ``kymflow sql``."""
    dataset = str(Workload.open(place).dataset)
    return _process(_kymflow(), "sql", dataset, f"SELECT count(*) FROM {TABLE}")


def ask_duckdb(place: Path) -> Work:
    """Count them by DuckDB alone, in a process of its own."""
    file = Workload.open(place).dataset / "tables" / f"{TABLE}.parquet"
    code = f"import duckdb; duckdb.sql(\"SELECT count(*) FROM '{file}'\").show()"
    return _process(sys.executable, "-c", code)


def _kymflow() -> str:
    return str(Path(sys.executable).with_name("kymflow"))


def _process(*command: str) -> Work:
    return Work(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
