"""Start-up times: whole processes, imports included."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.work import Work


def bare_python(_: Path) -> Work:
    """Start Python and end it."""
    return _process(sys.executable, "-c", "pass")


def import_package(_: Path) -> Work:
    """Start Python, import the engine's package, and end it."""
    return _process(sys.executable, "-c", "import kymflow.core.kym_dataset")


def show_help(_: Path) -> Work:
    """Run ``kymflow --help`` by its console script."""
    return _process(str(Path(sys.executable).with_name("kymflow")), "--help")


def _process(*command: str) -> Work:
    return Work(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
