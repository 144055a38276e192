"""The scale of an image: s per line and µm per pixel, and which of its files they come from.

Each source makes a claim. For each of the two figures the first source that gives it counts, in
the order of :data:`SOURCES`. A source that tells of another number of lines or pixels than the
image has is not believed along that axis; where one says that the image is turned, only those are
that know time from space. What is contradicted, or not told at all, is noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kymflow.core.artifacts.scale import stored_scale
from kymflow.core.lab_folder.header import Header

SOURCES = ("sidecar", "olympus", "fluoview", "ome", "imagej", "scanimage", "tiff", "given")
"""Where a scale comes from, the most trusted first: the JSON sidecar; the Olympus header; inside
the TIFF the metadata of FluoView, OME, ImageJ and ScanImage, and its resolution tags; what the
person who imports gives for files that say nothing."""

KNOW_THE_AXES = ("sidecar", "olympus", "fluoview")
"""Sources that say which axis is time. To the others X is space, however the image lies."""

FIGURES = ("seconds_per_line", "um_per_pixel")
AGREE = 0.01
"""How far two sources may be apart before they contradict one another: both are rounded."""

_WORDS = {"seconds_per_line": "s per line", "um_per_pixel": "µm per pixel"}
_NAMES = {
    "sidecar": "the sidecar",
    "olympus": "the Olympus header",
    "fluoview": "the TIFF's FluoView metadata",
    "ome": "the TIFF's OME-XML",
    "imagej": "the TIFF's ImageJ metadata",
    "scanimage": "the TIFF's ScanImage metadata",
    "tiff": "the TIFF's resolution",
    "given": "the option",
}


@dataclass(frozen=True, slots=True)
class Claim:
    """What one source says of the scale; None where it does not say.

    Attributes:
        source: One of :data:`SOURCES`.
        seconds_per_line: Time between lines, s.
        um_per_pixel: Distance between pixels along the line, µm.
        shape: Lines and pixels per line, as far as it tells of them.
        notes: What in it was not understood.
    """

    source: str
    seconds_per_line: float | None = None
    um_per_pixel: float | None = None
    shape: tuple[int | None, int | None] = (None, None)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scale:
    """The scale of an image.

    Attributes:
        seconds_per_line: Time between lines, s; None if unknown.
        um_per_pixel: Distance between pixels along the line, µm; None if unknown.
        sources: For each of the two that is known, the source it comes from.
        notes: What was contradicted, not understood, or not told.
    """

    seconds_per_line: float | None
    um_per_pixel: float | None
    sources: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def decide_scale(claims: Iterable[Claim], shape: Sequence[int]) -> Scale:
    """Decide the scale of an image.

    Args:
        claims: What its sources say, in any order.
        shape: Lines and pixels per line of the pixels themselves.
    """
    ranked = sorted(claims, key=lambda claim: SOURCES.index(claim.source))
    notes = [f"{_NAMES[claim.source]}: {note}" for claim in ranked for note in claim.notes]
    notes += [note for claim in ranked if (note := _shape_note(claim, shape))]
    if any(_is_turned(claim, shape) for claim in ranked):
        ranked = [claim for claim in ranked if claim.source in KNOW_THE_AXES and any(claim.shape)]
    values: dict[str, float | None] = {}
    sources: dict[str, str] = {}
    for axis, figure in enumerate(FIGURES):
        told = [
            (claim.source, value)
            for claim in ranked
            if (value := getattr(claim, figure)) is not None and _fits(claim, shape, axis)
        ]
        values[figure] = told[0][1] if told else None
        if told:
            sources[figure] = told[0][0]
            notes += _contradictions(figure, told)
    lacking = [_WORDS[figure] for figure in FIGURES if values[figure] is None]
    if lacking:
        notes.append(f"no scale: nothing tells its {' and '.join(lacking)}")
    return Scale(values["seconds_per_line"], values["um_per_pixel"], sources, notes)


def claim_of_sidecar(header: Mapping[str, Any], pixels: Sequence[int]) -> Claim:
    """Return the claim of a sidecar's header.

    Args:
        header: Its ``header``.
        pixels: Lines and pixels per line of the pixels themselves.
    """
    return Claim("sidecar", *stored_scale(header, pixels))


def claim_of_header(header: Header) -> Claim:
    """Return the claim of an Olympus header."""
    return Claim(
        "olympus",
        header.seconds_per_line,
        header.um_per_pixel,
        header.shape or (None, None),
        tuple(header.notes),
    )


def _fits(claim: Claim, shape: Sequence[int], axis: int) -> bool:
    count = claim.shape[axis]
    return count is None or count == shape[axis]


def _shape_note(claim: Claim, shape: Sequence[int]) -> str:
    if _fits(claim, shape, 0) and _fits(claim, shape, 1):
        return ""
    lines, pixels = claim.shape
    consequence = (
        "the image seems to be turned; save it with its lines below one another"
        if _is_turned(claim, shape)
        else "its scale is not used where they differ"
    )
    return (
        f"{_NAMES[claim.source]} tells of {lines or '?'} lines of {pixels or '?'} pixels and the "
        f"TIFF holds {shape[0]} lines of {shape[1]} pixels: {consequence}"
    )


def _is_turned(claim: Claim, shape: Sequence[int]) -> bool:
    return claim.shape == (shape[1], shape[0]) and shape[0] != shape[1]


def _contradictions(figure: str, told: Sequence[tuple[str, float]]) -> list[str]:
    (used, value), *others = told
    return [
        f"{_NAMES[used]} gives {value:.6g} {_WORDS[figure]} and {_NAMES[source]} {other:.6g}; the "
        f"first is used"
        for source, other in others
        if source != "given" and abs(other - value) > AGREE * value
    ]
