"""Child processes held in stock, told what to do, and killed."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[2]


class Child:
    """One process of :mod:`tests.support.child`.

    Args:
        prefix: The command that starts it, if it is not to be started as it is.
        **env: Environment variables of its own.
    """

    def __init__(self, *prefix: str, **env: str) -> None:
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", "tests.support.child"],
            cwd=ROOT,
            env={**os.environ, **env},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._ready = False

    def tell(self, task: str, **given: Any) -> None:
        """Start a task."""
        if not self._ready:
            self._ready = self.answer() == "ready"
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([task, given]) + "\n")
        self._process.stdin.flush()

    def answer(self, within: float | None = None) -> Any:
        """Wait for the answer to the task, at most so many seconds."""
        assert self._process.stdout is not None
        if within is not None:
            assert select.select([self._process.stdout], [], [], within)[0], "the child hangs"
        line = self._process.stdout.readline()
        assert line, f"the child ended with {self._process.wait()}"
        return json.loads(line)

    def answers(self, within: float) -> bool:
        """Wait for an answer, at most so many seconds, and take it; tell whether there was one."""
        came = bool(select.select([self._process.stdout], [], [], within)[0])
        if came:
            self.answer()
        return came

    def dies(self) -> bool:
        """Wait until the process answers or ends; tell whether it ended."""
        assert self._process.stdout is not None
        return not self._process.stdout.readline()

    def died(self, within: float | None = None) -> bool:
        """Wait until the process ends, at most so many seconds; tell whether it did."""
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> None:
        """Let the process end by itself."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        self.kill()

    def kill(self) -> int:
        """Kill the process and return the signal that ended it."""
        self._process.kill()
        code = self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        return -code


class Crew:
    """Children, some of them started before they are asked for; all are killed at the end."""

    def __init__(self, in_stock: int = 2) -> None:
        self._in_stock = in_stock
        self._stock: deque[Child] = deque()
        self._out: list[Child] = []
        self._fill()

    def child(self) -> Child:
        """Return a child, and start another in its place."""
        self._out.append(self._stock.popleft() if self._stock else Child())
        self._fill()
        return self._out[-1]

    def take_back(self, *children: Child) -> None:
        """Put children that have answered into stock again."""
        for child in children:
            self._out.remove(child)
            self._stock.append(child)

    def _fill(self) -> None:
        while len(self._stock) < self._in_stock:
            self._stock.append(Child())

    def __enter__(self) -> Crew:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for child in (*self._stock, *self._out):
            child.kill()
