"""How fast the page is, in a real Chromium: ``python -m benchmarks.page DATASET``.

It needs Playwright and Chromium. What it times, with the aims: the first view after the server
answers (1.0 s); rows drawn after a jump to any place of a list (150 ms); the next event drawn after
a key (100 ms, 95th percentile), the decision being on disk before the next is sent; frames while
zooming and moving (none over 50 ms); the server's memory (400 MB). Decisions are undone at the end.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

QUIET = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
JUMP = """async (share) => {
  const grid = document.querySelector(".grid");
  const started = performance.now();
  grid.scrollTop = share * grid.scrollHeight;
  await new Promise((done) => requestAnimationFrame(done));
  const box = grid.getBoundingClientRect();
  const inSight = (row) => {
    const { top, bottom } = row.getBoundingClientRect();
    return bottom > box.top + 60 && top < box.bottom;
  };
  while (performance.now() - started < 5000) {
    const rows = [...document.querySelectorAll(".grid-row")].filter(inSight);
    if (rows.length && rows.every((row) => row.children.length)) break;
    await new Promise((done) => setTimeout(done, 2));
  }
  return performance.now() - started;
}"""
PRESS = """async (key) => {
  const view = document.querySelector("main");
  const panel = document.querySelector("canvas.velocity");
  const [at, drawn] = [view.dataset.at, panel.dataset.drawn];
  const started = performance.now();
  document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  while (performance.now() - started < 5000) {
    if (view.dataset.at !== at && panel.dataset.drawn !== drawn) break;
    await new Promise((done) => setTimeout(done, 1));
  }
  return performance.now() - started;
}"""
FRAMES = """async () => {
  const canvas = document.querySelector("canvas.kymograph");
  const frames = [];
  let last = performance.now();
  let on = true;
  const tick = () => {
    frames.push(performance.now() - last);
    last = performance.now();
    if (on) requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  for (let n = 0; n < 240; n += 1) {
    const by = n % 80 < 40 ? -60 : 60;
    const moved = n < 160 ? { deltaY: by } : { deltaX: by };
    canvas.dispatchEvent(new WheelEvent("wheel", { ...moved, cancelable: true, bubbles: true }));
    await new Promise((done) => setTimeout(done, 16));
  }
  on = false;
  return frames.slice(2);
}"""


@contextmanager
def serving(dataset: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Serve the page of a dataset; yield its address and the process."""
    command = [sys.executable, "-m", "kymflow.cli.main", "explore", str(dataset), "--no-browser"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert server.stdout is not None  # noqa: S101 - it is a pipe
        yield server.stdout.readline().strip(), server
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()


def measure(dataset: Path, decisions: int) -> None:
    """Time the page, and print a line per figure."""
    from playwright.sync_api import sync_playwright

    with serving(dataset) as (address, server), sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=[*QUIET])
        base = address.partition("/?")[0]
        page = browser.new_page(viewport={"width": 1280, "height": 800}, base_url=base)
        _view(page, "first view", address)
        _view(page, "images by events", "/images?sort=n_events&desc=1")
        _jumps(page, "images")
        _view(page, "events", "/events")
        _jumps(page, "events")
        _view(page, "events by strength", "/events?sort=strength&desc=1")
        _review(page, decisions)
        page.goto("/image?image=" + _largest(page))
        page.wait_for_selector("canvas.velocity[data-drawn]")
        page.wait_for_load_state("networkidle")
        frames = sorted(page.evaluate(FRAMES))
        long = sum(frame > 50 for frame in frames)
        print(f"frames: median {_ms(frames, 0.5)}, longest {_ms(frames, 1)}, {long} over 50 ms")
        print(f"server: {_memory(server.pid)}")
        browser.close()


def _view(page: Any, name: str, address: str) -> None:
    started = time.perf_counter()
    page.goto(address)
    page.wait_for_selector(".grid-row .cell", timeout=120_000)
    print(f"{name}: {time.perf_counter() - started:.2f} s")


def _jumps(page: Any, name: str) -> None:
    choose = random.Random(0)  # noqa: S311 - places, not secrets
    times = sorted(page.evaluate(JUMP, choose.random()) for _ in range(40))
    print(f"{name}, jump to any row: median {_ms(times, 0.5)}, p95 {_ms(times, 0.95)}")


def _review(page: Any, decisions: int) -> None:
    page.goto("/review?where=user_type %3D 'unreviewed'")
    page.wait_for_selector("main[data-at]", timeout=120_000)
    page.wait_for_load_state("networkidle")
    times = []
    for _ in range(decisions):
        times.append(page.evaluate(PRESS, " "))
        page.wait_for_timeout(40)
    page.wait_for_load_state("networkidle")
    for _ in range(decisions):
        with page.expect_response("**/api/undo"):
            page.keyboard.press("u")
    times.sort()
    print(f"key to next event: median {_ms(times, 0.5)}, p95 {_ms(times, 0.95)}")


def _largest(page: Any) -> str:
    page.goto("/ask?sql=SELECT image_id, n_lines FROM kym_images ORDER BY n_lines DESC NULLS LAST")
    cell = page.wait_for_selector(".grid-row .cell")
    return str(cell.inner_text())


def _ms(times: list[float], share: float) -> str:
    if share == 0.5:
        return f"{statistics.median(times):.0f} ms"
    return f"{times[min(len(times) - 1, int(share * len(times)))]:.0f} ms"


def _memory(pid: int) -> str:
    status = Path(f"/proc/{pid}/status").read_text()
    now, most = (re.search(rf"{name}:\s+(\d+)", status) for name in ("VmRSS", "VmHWM"))
    assert now is not None and most is not None  # noqa: S101, PT018 - Linux says both
    return f"{int(now[1]) // 1024} MB, at most {int(most[1]) // 1024} MB"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--decisions", type=int, default=60)
    given = parser.parse_args()
    measure(given.dataset, given.decisions)
