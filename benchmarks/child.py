"""Runs one phase in its own process: ``python -m benchmarks.child``, started by the runner.

The request is a JSON object in the one argument, the reply one on the last line printed. Only the
work itself is timed, not imports or opening the workload.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """The phase to run.

    Attributes:
        function: ``module:function`` of this package.
        argument: Passed to it after the place, if given.
        place: The folder it works in.
        calls: How often.
    """

    function: str
    argument: str | None
    place: str
    calls: int


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a phase.

    Attributes:
        seconds: Median over the calls, s.
        peak_mb: Most memory resident at any time, of this process or of the largest it started,
            MB.
        answer: Digest of the result, None if there is nothing to compare.
        unavailable: Why the phase can't be run here, if so.
    """

    seconds: float = 0.0
    peak_mb: float = 0.0
    answer: str | None = None
    unavailable: str | None = None


def run(request: Request) -> Reply:
    """Run a phase in this process."""
    from benchmarks.work import Unavailable

    module, function = request.function.split(":")
    arguments = [Path(request.place), *([request.argument] if request.argument else [])]
    seconds: list[float] = []
    try:
        work = getattr(import_module(f"benchmarks.{module}"), function)(*arguments)
    except Unavailable as reason:
        return Reply(unavailable=str(reason))
    result: Any = None
    loaded = _packages()
    for _ in range(request.calls):
        started = time.perf_counter()
        result = work.run()
        seconds.append((time.perf_counter() - started) / work.fraction)
    peak = peak_rss_mb()
    if late := _packages() - loaded:
        raise RuntimeError(f"{request.function} imported {', '.join(late)} while it was timed")
    answer = work.answer(result) if work.answer else None
    return Reply(statistics.median(seconds), peak, answer)


def peak_rss_mb() -> float:
    """Return the peak resident memory of this process or of the largest one it started, MB."""
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is bytes there, KiB elsewhere
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    return max(_own_peak(unit), children) / 1e6


def _packages() -> set[str]:
    """Return the packages imported so far that are not of the standard library."""
    return {name.split(".")[0] for name in sys.modules} - sys.stdlib_module_names


def _own_peak(unit: int) -> int:
    # On Linux ru_maxrss starts at the parent's memory when it started this process; VmHWM at 0.
    status = Path("/proc/self/status")
    if status.exists():
        [line] = [line for line in status.read_text().splitlines() if line.startswith("VmHWM")]
        return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    print(json.dumps(asdict(run(Request(**json.loads(sys.argv[1]))))))
