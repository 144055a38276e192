"""Merge what changed in the lab's files with what was done to an image since, three ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from kymflow.core.artifacts.events import EVENTS_ARTIFACT, PARAMS_ARTIFACT, TRACE_ARTIFACT
from kymflow.core.lab_folder.base import Base, frame_hash, load_base
from kymflow.core.lab_folder.contents import Contents
from kymflow.core.lab_folder.event_merge import merge_events
from kymflow.core.lab_folder.source import (
    EVENTS_ENDINGS,
    TIF,
    TRACE_ENDINGS,
    Source,
    changed_endings,
)
from kymflow.core.lab_folder.stored import Stored
from kymflow.core.lab_folder.three_way import ABSENT, UNKNOWN, Clash, Nothing, merge
from kymflow_zarr.images.artifacts import METADATA

if TYPE_CHECKING:
    import polars as pl

PIXELS = "pixels"


@dataclass(slots=True)
class Merged:
    """What an image is to hold.

    Attributes:
        metadata: Its metadata, without where it came from.
        base: What the folder gave this time, for the next merge.
        changes: The artifacts to write, each with its value; ``ABSENT`` for one to delete.
        clashes: What was changed on both sides, each with the artifact it is in.
        has_new_pixels: Whether the pixels are to be replaced.
        has_own_events: Whether it has events that did not come from the folder as they are.
    """

    metadata: dict[str, Any]
    base: Base
    changes: dict[str, Any] = field(default_factory=dict)
    clashes: list[tuple[str, Clash]] = field(default_factory=list)
    has_new_pixels: bool = False
    has_own_events: bool = False


def merge_contents(stored: Stored, theirs: Contents) -> Merged:
    """Merge what an image's files hold now with what the image holds.

    A part whose file is as it was imported is not touched: neither what a person did to it, nor
    what an analysis made of it.

    Args:
        stored: What the image holds.
        theirs: What its files hold.

    Raises:
        ArtifactError: If its trace can't be read.
        UsageError: If a column of the events is of types that don't go together.
    """
    old = Source.of(stored.metadata)
    base = load_base(stored.rec, old.base if old else None)
    changed = changed_endings(old, theirs.source) if old else set(theirs.source.by_ending)
    merged = Merged({}, theirs.base())
    merged.has_new_pixels = TIF in changed and _are_pixels_new(stored, old, theirs, merged)
    imported = base.events if base else None
    merged.has_own_events = not _are_equal(stored.events, imported)
    _merge_metadata(stored, theirs, base, changed, merged)
    if changed.intersection(TRACE_ENDINGS):
        before = base.trace if base else _unless_given(old, TRACE_ARTIFACT)
        _merge_trace(stored, theirs, before, merged)
    elif base is not None:
        merged.base = replace(merged.base, trace=base.trace)
    if changed.intersection(EVENTS_ENDINGS):
        events = base.events if base else _unless_given(old, EVENTS_ARTIFACT)
        params = base.params if base else _unless_given(old, PARAMS_ARTIFACT)
        _merge_events(stored, theirs, events, merged)
        _merge_params(stored, theirs, params, merged)
    elif base is not None:
        merged.base = replace(merged.base, params=base.params, events=base.events)
    return merged


def _are_pixels_new(stored: Stored, old: Source | None, theirs: Contents, merged: Merged) -> bool:
    """Tell whether the folder holds other pixels than were imported, to take the place of these."""
    pixels = stored.pixels()
    before = (old.pixels if old else None) or (pixels if old else UNKNOWN)
    if theirs.source.pixels in (before, pixels):
        return False
    if pixels is None or pixels == before:
        return True
    said = "kept; the folder has others, and these are not those that were imported"
    merged.clashes.append((PIXELS, Clash(PIXELS, before, theirs.source.pixels, pixels, said)))
    return False


def _merge_metadata(
    stored: Stored, theirs: Contents, base: Base | None, changed: set[str], merged: Merged
) -> None:
    ours = {name: value for name, value in stored.metadata.items() if name != "source"}
    others = changed.difference(TRACE_ENDINGS).difference(["_events.json"])
    if base is None and not others:
        merged.metadata = ours
        return
    clashes: list[Clash] = []
    before = UNKNOWN if base is None else base.metadata
    merged.metadata = merge(before, theirs.metadata, ours, clashes)
    merged.clashes += ((METADATA, clash) for clash in clashes)


def _unless_given(old: Source | None, artifact: str) -> Nothing | None:
    """Find an artifact's base where none was recorded: at best that there was none."""
    return UNKNOWN if old is None or old.gave(artifact) else None


def _merge_trace(
    stored: Stored, theirs: Contents, base: str | Nothing | None, merged: Merged
) -> None:
    ours = stored.trace()
    held, given = _hash(ours), merged.base.trace
    if held == given or given == base:
        return
    # A trace of pixels that are gone is no longer anything to keep.
    of_gone_pixels = base is UNKNOWN and merged.has_new_pixels and given is not None
    if of_gone_pixels or held == (None if base is UNKNOWN else base):
        merged.changes[TRACE_ARTIFACT] = ABSENT if theirs.trace is None else theirs.trace
        return
    said = "kept; the folder " + ("has another" if given else "no longer has one")
    clash = Clash("trace", base or ABSENT, given or ABSENT, held or ABSENT, said)
    merged.clashes.append((TRACE_ARTIFACT, clash))


def _merge_events(
    stored: Stored, theirs: Contents, base: pl.DataFrame | Nothing | None, merged: Merged
) -> None:
    rows = theirs.events.rows if theirs.events else None
    events = merge_events(ABSENT if base is None else base, rows, stored.events)
    merged.clashes += ((EVENTS_ARTIFACT, clash) for clash in events.clashes)
    merged.base = replace(merged.base, events=events.base)
    if not _are_equal(events.rows, stored.events):
        merged.changes[EVENTS_ARTIFACT] = ABSENT if events.rows is None else events.rows


def _merge_params(
    stored: Stored, theirs: Contents, base: Mapping[str, Any] | Nothing | None, merged: Merged
) -> None:
    clashes: list[Clash] = []
    before, given, held = (
        ABSENT if each is None else each for each in (base, theirs.params, stored.params)
    )
    params = merge(before, given, held, clashes)
    merged.clashes += ((PARAMS_ARTIFACT, clash) for clash in clashes)
    if params != held:
        merged.changes[PARAMS_ARTIFACT] = params


def _hash(frame: pl.DataFrame | None) -> str | None:
    return None if frame is None else frame_hash(frame)


def _are_equal(a: pl.DataFrame | None, b: pl.DataFrame | None) -> bool:
    if a is None or b is None:
        return a is b
    return set(a.columns) == set(b.columns) and a.equals(b.select(a.columns))
