"""Run the command on a terminal of its own."""

from __future__ import annotations

import os
import pty
import subprocess
import sys


def on_terminal(*arguments: object, columns: int = 80) -> str:
    """Run ``kymflow`` with a terminal for its output, and return what that shows."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "kymflow.cli.main", *map(str, arguments)]
    shown = b""
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment) as child:
        os.close(theirs)
        while chunk := _read(ours):
            shown += chunk
    os.close(ours)
    assert child.returncode == 0, shown.decode()
    return shown.decode().replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # its other end is closed
        return b""
