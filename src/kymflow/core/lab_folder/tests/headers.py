"""Olympus headers with one thing in them written otherwise."""

from __future__ import annotations


def header(
    *,
    name: str = "a.oir",
    date: str = "11/02/2022 12:30:15.461 PM",
    x: str = "8, 0.0 - 2.272 [um], 0.284 [um/pixel]",
    t: str = "",
    size: str = "8 * 100 [pixel]",
    total: str = "2.272 [um] * 117.000 [ms]",
) -> str:
    """Return the header of 100 lines of 8 pixels, 0.284 µm and 1.17 ms apart."""
    rows = [
        ("[General]", ""),
        ("Name", name),
        ("Scan Mode", "XT"),
        ("Date", date),
        ("[Dimensions]", ""),
        ("X Dimension", x),
        *([("T Dimension", t)] if t else []),
        ("[Image]", ""),
        ("Primary Dimensions", "X * T"),
        ("Image Size", size),
        ("Image Size(Unit Converted)", total),
        ("[Reference Image]", ""),
        ("Image Size", "512 * 512 [pixel]"),
        ("Image Size(Unit Converted)", "145.462 [um] * 145.462 [um]"),
    ]
    return "".join(f'"{key}"\t"{value}"\n' for key, value in rows)
