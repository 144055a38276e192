"""A PostgreSQL server of the tests' own, on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

_DEBIAN = Path("/usr/lib/postgresql")


def binaries() -> Path | None:
    """Return the folder of the server's programs, None where there is none."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    return next((path.parent for path in sorted(_DEBIAN.glob("*/bin/initdb"), reverse=True)), None)


@contextmanager
def server(programs: Path) -> Iterator[str]:
    """Run a server and yield what libpq connects by.

    Args:
        programs: The folder of its programs.
    """
    # Where every user may enter, which the tests' own temporary folder does not allow.
    with TemporaryDirectory(prefix="kymflow-postgres-", dir="/tmp") as folder:
        yield from _serve(programs, Path(folder))


def _serve(programs: Path, folder: Path) -> Iterator[str]:
    user = []
    if os.geteuid() == 0:  # which the server refuses to be
        runuser = shutil.which("runuser", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
        user = [runuser or "runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    data, log = folder / "data", folder / "log"
    options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
    control = [*user, str(programs / "pg_ctl"), "-D", str(data), "-s", "-w", "-l", str(log)]
    given = {"check": True, "cwd": folder, "stdout": subprocess.DEVNULL}
    make = ["-A", "trust", "-U", "kymflow", "-E", "UTF8", "--locale=C", "-N"]
    subprocess.run([*user, str(programs / "initdb"), "-D", str(data), *make], **given)
    subprocess.run([*control, "-o", options, "start"], **given)
    try:
        yield f"host=127.0.0.1 port={port} user=kymflow dbname=postgres"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], **given)
