"""Markdown tables that are also readable as plain text, and the format of their values."""

from __future__ import annotations

from collections.abc import Sequence

LEFT, RIGHT = "---", "---:"
NONE = "–"


def table(rows: Sequence[Sequence[str]], sides: Sequence[str]) -> str:
    """Format a table; the first row is its header.

    Args:
        rows: Texts, the same number in each row.
        sides: ``LEFT`` or ``RIGHT`` for each column.
    """
    widths = [max(len(side), *map(len, column)) for side, *column in zip(sides, *rows, strict=True)]
    rule = ["-" * (width - 1) + side[-1] for side, width in zip(sides, widths, strict=True)]
    lines = [
        [
            text.rjust(width) if side == RIGHT else text.ljust(width)
            for text, side, width in zip(row, sides, widths, strict=True)
        ]
        for row in rows
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])


def images_text(images: int) -> str:
    """Format a number of images; 0 is a case without images."""
    return f"{images:,}" if images else NONE


def seconds_text(seconds: float | None) -> str:
    """Format seconds."""
    if seconds is None:
        return NONE
    digits = 4 if seconds < 0.1 else 3 if seconds < 10 else 1
    return f"{seconds:.{digits}f}"


def ratio_text(ratio: float | None) -> str:
    """Format a ratio."""
    if ratio is None:
        return NONE
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"
