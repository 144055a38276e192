"""A Dask cluster for tests: a scheduler and workers that are processes of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from tempfile import TemporaryDirectory


@contextmanager
def cluster(workers: int) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Yield the address and the process of a scheduler that has workers."""
    with ExitStack() as stack:
        scratch = stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True))
        scheduler = stack.enter_context(dask(scratch, "scheduler", "--port", "0"))
        address = said(scheduler, r"Scheduler at: +(\S+)")
        options = ("--nworkers", str(workers), "--nthreads", "1")
        stack.enter_context(dask(scratch, "worker", address, *options))
        yield address, scheduler


@contextmanager
def dask(scratch: str, *command: str) -> Iterator[subprocess.Popen[str]]:
    """Run one of Dask's commands on any free ports; in the end, kill it and all it started."""
    anywhere = ("--host", "127.0.0.1", "--dashboard-address", "127.0.0.1:0")
    process = subprocess.Popen(
        [sys.executable, "-m", "dask", *command, *anywhere],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={
            **os.environ,
            "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
            "DASK_TEMPORARY_DIRECTORY": scratch,
        },
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def said(process: subprocess.Popen[str], pattern: str) -> str:
    """Wait for a process to say something, and return it."""
    assert process.stderr is not None
    for line in process.stderr:
        if found := re.search(pattern, line):
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return found[1]
    raise AssertionError(f"{process.args} ended with {process.wait()}")
