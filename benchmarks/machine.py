"""Facts about the machine and the software of a run, without names or paths."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parent.parent
PACKAGES = ("polars", "duckdb", "pyarrow", "pandas", "deltalake")


def describe(scratch: Path) -> dict[str, Any]:
    """Return the facts; ``load`` is the load average before the run.

    Args:
        scratch: The folder of the datasets, for its kind of file system.
    """
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "revision": _revision(),
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "ram_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "file_system": _file_system(scratch),
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }


def _revision() -> str:
    """Return the commit measured, with a ``+`` if files differ from it."""
    try:
        return _git("rev-parse", "--short=10", "HEAD") + "+" * bool(_git("status", "--porcelain"))
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _file_system(path: Path) -> str:
    """Find the kind of file system of a path, by the longest mount point above it."""
    mounts = {Path(part.mountpoint): part.fstype for part in psutil.disk_partitions(all=True)}
    path = path.resolve()
    return next((mounts[each] for each in (path, *path.parents) if each in mounts), "unknown")
