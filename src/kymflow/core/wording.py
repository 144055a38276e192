"""Counts in words, as results are told to people."""

from __future__ import annotations

from collections.abc import Iterable


def counted(count: int, noun: str) -> str:
    """Return a count with its noun.

    Examples:
        >>> counted(1, "image"), counted(2000, "image")
        ('1 image', '2,000 images')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def told(subject: str, parts: Iterable[str | None], seconds: float = 0.0) -> str:
    """Return one line about what a step did.

    Args:
        subject: What it is about.
        parts: What was done, in words; None is left out.
        seconds: How long it took, s; 0 is not told.

    Examples:
        >>> told("events", ["4 images searched", None, "14 events"], 0.31)
        'events: 4 images searched, 14 events, 0.3 s'
    """
    time = f"{seconds:.1f} s" if seconds < 99 else f"{seconds / 60:.1f} min"
    shown = [part for part in parts if part]
    return f"{subject}: {', '.join([*shown, *([time] if seconds else [])])}"
