"""Draw the pictures of docs/velocity.md again: ``python docs/velocity/draw.py``."""

from __future__ import annotations

import sys
from pathlib import Path

import altair as alt
import numpy as np
import polars as pl

from kymflow.core.plots import save
from kymflow.core.plots.style import FAINT, INK, PALETTE, config
from kymflow.core.velocity import VelocityParams, measure_velocity
from kymflow.core.velocity.projections import projections_of
from kymflow.core.velocity.windows import Windows

LINES, PIXELS = 16, 38
WINDOW_LINES = (8, 16, 32, 64)
ONE = {"seconds_per_line": 0.001, "um_per_pixel": 1.0}
"""A scale on which a pixel per line is 1 mm/s."""
WINDOWS = {  # pixels per line, noise
    "clean streaks": (1.2, 0.1),
    "streaks in noise": (1.2, 1.5),
    "cells stand still": (0.0, 0.5),
    "noise alone": (0.0, 1e6),
}
SPEEDS = np.geomspace(0.01, 100, 41)
NOISES = np.arange(0, 5.1, 0.5)
SEEDS = range(3)


def draw(folder: Path) -> None:
    """Draw every picture into a folder."""
    for name, chart in (("quality", quality()), ("speed", speed()), ("noise", noise())):
        save(chart.properties(config=config()), folder / f"{name}.png")


def quality() -> alt.VConcatChart:
    """Return windows, each over the variances of its projections."""
    columns = [_window(name, *kind) for name, kind in WINDOWS.items()]
    return alt.vconcat(alt.hconcat(*columns, spacing=36).resolve_scale(color="independent"))


def _window(name: str, speed: float, noise: float) -> alt.VConcatChart:
    pixels = cells(speed, lines=LINES, noise=noise, seed=1)
    trace = measure_velocity(pixels, **ONE)
    [angle], [found] = trace["angle_deg"], trace["quality"]
    line, pixel = np.divmod(np.arange(pixels.size), PIXELS)
    image = pl.DataFrame({"pixel": pixel, "line": line, "light": pixels.ravel()})
    [variances] = projections_of(*pixels.shape).coarse([Windows(pixels, LINES).take(slice(None))]).T
    curve = pl.DataFrame({"angle": np.arange(180), "variance": variances / variances.max()})
    picture = (
        alt.Chart(image, width=190, height=80, title=alt.Title(name, fontSize=15))
        .mark_rect()
        .encode(
            alt.X("pixel:O", title="pixel").axis(labels=False, ticks=False, titlePadding=4),
            alt.Y("line:O", title="line").axis(labels=False, ticks=False, titlePadding=4),
            alt.Color("light:Q", legend=None).scale(scheme="greys", reverse=True),
        )
    )
    x = alt.X("angle:Q", title="angle (°)").axis(values=[0, 45, 90, 135, 180])
    y = alt.Y("variance:Q", title="variance / greatest").scale(domain=[0, 1.05])
    base = alt.Chart(curve, width=190, height=150)
    drawn = base.mark_line(color=PALETTE[0], strokeWidth=2).encode(x, y)
    mean = base.mark_rule(color=PALETTE[1], strokeDash=[5, 3], strokeWidth=2)
    at = alt.Chart(pl.DataFrame({"angle": [angle % 180]})).mark_rule(color=FAINT).encode(x)
    said = alt.Title(f"{angle:g}°, quality {found:.2f}", fontSize=13, fontWeight="normal")
    curves = alt.layer(at, drawn, mean.encode(y="mean(variance):Q")).properties(title=said)
    return alt.vconcat(picture, curves, spacing=8)


def speed() -> alt.VConcatChart:
    """Return the ratio of measured to true speed, with the limits of each window."""
    rows = []
    for lines in WINDOW_LINES:
        for true in SPEEDS:
            ratios = np.concatenate([_measured(true, lines, 0.5, seed) for seed in SEEDS]) / true
            finite = ratios[np.isfinite(ratios)]
            if len(finite) > len(ratios) / 2:
                low, middle, high = np.clip(np.quantile(finite, [0.1, 0.5, 0.9]), -0.5, 2)
                row = {"lines": str(lines), "true": true, "low": low, "ratio": middle, "high": high}
                rows.append(row)
    colour = _colour([str(lines) for lines in WINDOW_LINES])
    x = alt.X("true:Q", title="true speed (pixels per line)").scale(type="log", domain=[0.01, 100])
    y = alt.Y("ratio:Q", title="measured / true speed").scale(domain=[-0.5, 2])
    base = alt.Chart(pl.DataFrame(rows), width=760, height=280)
    bands = base.mark_area(opacity=0.15).encode(x, alt.Y("low:Q"), alt.Y2("high:Q"), colour)
    medians = base.mark_line(strokeWidth=2.5).encode(x, y, colour)
    slowest = pl.DataFrame(
        {"true": [2 / lines for lines in WINDOW_LINES], "lines": [str(n) for n in WINDOW_LINES]}
    )
    limits = alt.Chart(slowest).mark_rule(strokeDash=[5, 3], strokeWidth=1.5).encode(x, colour)
    fastest = alt.Chart(pl.DataFrame({"true": [PIXELS / 2]}))
    limit = fastest.mark_rule(color=INK, strokeDash=[5, 3], strokeWidth=1.5).encode(x)
    return alt.vconcat(alt.layer(bands, limits, limit, medians))


def noise() -> alt.VConcatChart:
    """Return how many velocities are right, and their quality, against noise."""
    rows = []
    for lines in WINDOW_LINES:
        for amount in NOISES:
            traces = [_trace(1.0, lines, amount, seed) for seed in SEEDS]
            trace = pl.concat(traces)
            right = ((trace["angle_deg"] - 45).abs() <= 5).mean()
            found = trace["quality"].median()
            rows.append(
                {"lines": str(lines), "noise": amount, "right": 100 * right, "quality": found}
            )
    table, colour = pl.DataFrame(rows), _colour([str(lines) for lines in WINDOW_LINES])
    x = alt.X("noise:Q", title="noise (standard deviations of the streaks)")
    right = alt.Y("right:Q", title="velocities within 5° (%)")
    found = alt.Y("quality:Q", title="median quality").scale(domain=[0.4, 1])
    panels = [
        alt.Chart(table, width=340, height=240).mark_line(strokeWidth=2.5).encode(x, y, colour)
        for y in (right, found)
    ]
    return alt.vconcat(alt.hconcat(*panels, spacing=40))


def cells(speed: float, *, lines: int, noise: float, seed: int, size: float = 1.0) -> np.ndarray:
    """Return cells that move past at a speed, of a deviation of 1, and noise.

    Args:
        speed: Pixels per line.
        lines: How many.
        noise: Its standard deviation.
        seed: Of both.
        size: Standard deviation of a cell's blur, pixels.
    """
    rng = np.random.default_rng(seed)
    fine, length = 8, 4096
    waves = 2 * np.pi * np.fft.rfftfreq(length, d=1 / fine)
    phases = rng.normal(size=(2, len(waves)))
    pattern = np.fft.irfft((phases[0] + 1j * phases[1]) * np.exp(-((waves * size) ** 2) / 2))
    place = fine * (np.arange(PIXELS) - speed * np.arange(lines)[:, None]) % length
    light = np.interp(place, np.arange(length), pattern / pattern.std(), period=length)
    return light + rng.normal(0, noise, light.shape)


def _trace(true: float, lines: int, noise: float, seed: int) -> pl.DataFrame:
    pixels = cells(true, lines=800, noise=noise, seed=seed)
    return measure_velocity(pixels, **ONE, params=VelocityParams(window_lines=lines))


def _measured(true: float, lines: int, noise: float, seed: int) -> np.ndarray:
    return _trace(true, lines, noise, seed)["velocity"].to_numpy()


def _colour(names: list[str]) -> alt.Color:
    colours = alt.Scale(domain=names, range=list(PALETTE[: len(names)]))
    return alt.Color("lines:N", title="window_lines", scale=colours)


if __name__ == "__main__":
    draw(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parent)
