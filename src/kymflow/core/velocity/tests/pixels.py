"""Pixels of many kinds, for Hypothesis and others."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

LIMITS = {"uint8": (0, 255), "uint16": (0, 65535), "int16": (-32768, 32767), "float32": (-2, 3)}


@st.composite
def windows(draw: st.DrawFn, widest: int = 24) -> np.ndarray:
    """One window, of any kind and any type of pixel."""
    lines = draw(st.sampled_from([4, 8, 16]))
    width = draw(st.one_of(st.just(1), st.just(2), st.integers(3, widest)))
    dtype = draw(st.sampled_from(sorted(LIMITS)))
    kind = draw(
        st.sampled_from(
            ["equal", "one pixel", "saturated", "noise", "few levels", "stripes", "mirrored"]
        )
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    share = _shares(kind, (lines, width), rng)
    low, high = LIMITS[dtype]
    pixels = low + share * (high - low)
    return (pixels if dtype == "float32" else np.round(pixels)).astype(dtype)


def _shares(kind: str, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Return pixels from 0 to 1."""
    if kind == "equal":
        return np.full(shape, rng.random())
    if kind == "one pixel":
        pixels = np.full(shape, rng.choice([0, rng.random()]))
        pixels[rng.integers(shape[0]), rng.integers(shape[1])] = 1
        return pixels
    if kind == "saturated":
        return (4 * rng.random(shape) - 1.5).clip(0, 1)
    if kind == "few levels":
        return np.round(2 * rng.random(shape)) / 2
    if kind == "stripes":
        line, pixel = np.ogrid[: shape[0], : shape[1]]
        return 0.5 + 0.5 * np.cos((pixel - rng.uniform(-3, 3) * line) * rng.uniform(0.3, 2))
    noise = rng.random(shape)
    return noise if kind == "noise" else np.maximum(noise, noise[:, ::-1])


def flow(
    speed: float, *, lines: int = 2000, width: int = 38, noise: float = 0.0, seed: int = 0
) -> np.ndarray:
    """Return cells that move by ``speed`` pixels per line; their pattern has a deviation of 1."""
    rng = np.random.default_rng(seed)
    line, pixel = np.ogrid[:lines, :width]
    place = pixel - speed * line
    length = 40_000
    cells = rng.normal(size=length)
    cells = np.convolve(cells, np.exp(-(np.linspace(-2.5, 2.5, 41) ** 2)), "same")
    pattern = np.interp(10 * place, np.arange(-length // 2, length // 2), cells, period=length)
    return pattern / cells.std() + rng.normal(0, noise, (lines, width))
