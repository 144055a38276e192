"""Three-way merge of what JSON holds: what changed on one side only is taken, key by key."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, TypeGuard

_SHOWN = 80


class Nothing(Enum):
    """Marks where there is no value.

    Attributes:
        ABSENT: There is none.
        UNKNOWN: It is not known whether there was one.
    """

    ABSENT = "nothing"
    UNKNOWN = "not known"


ABSENT: Literal[Nothing.ABSENT] = Nothing.ABSENT
UNKNOWN: Literal[Nothing.UNKNOWN] = Nothing.UNKNOWN


@dataclass(frozen=True, slots=True)
class Clash:
    """A value that was changed on both sides, and differently. The dataset's was kept.

    Attributes:
        field: Its place, such as ``experiment_metadata.note``.
        base: What was last imported.
        theirs: What the folder holds now.
        ours: What the dataset holds.
        said: What happened, where that is more than two values.
    """

    field: str
    base: object
    theirs: object
    ours: object
    said: str = ""

    def __str__(self) -> str:
        if self.said:
            return f"{self.field}: {self.said}"
        before = "" if self.base is UNKNOWN else f", {shown(self.base)} before"
        return f"{self.field}: {shown(self.ours)} kept; the folder has {shown(self.theirs)}{before}"


def merge(base: object, theirs: object, ours: object, clashes: list[Clash], where: str = "") -> Any:
    """Merge two values by their base: the side that changed wins, and the dataset where both did.

    Objects are merged key by key, and lists of objects with a ``roi_id`` of their own ROI by ROI;
    any other value is one. Where the base is not known, what the dataset lacks or holds empty is
    taken, and its own value is kept wherever the two differ.

    Args:
        base: What was last imported; ``ABSENT``, or ``UNKNOWN``.
        theirs: What the folder holds now, or ``ABSENT``.
        ours: What the dataset holds now, or ``ABSENT``.
        clashes: Is given what was changed on both sides.
        where: The value's place, for the clashes.
    """
    if is_same(theirs, ours):
        return ours
    if base is not UNKNOWN:
        if is_same(theirs, base):
            return ours
        if is_same(ours, base):
            return theirs
    elif ours in (ABSENT, None, ""):
        return ours if theirs is ABSENT else theirs
    if isinstance(theirs, Mapping) and isinstance(ours, Mapping):
        return _merge_objects(base, theirs, ours, clashes, where)
    parts = [_by_roi(value) for value in (base, theirs, ours)]
    if parts[1] is not None and parts[2] is not None:
        before = UNKNOWN if base is UNKNOWN else parts[0] or {}
        merged = _merge_objects(before, parts[1], parts[2], clashes, where)
        return list(merged.values())
    clashes.append(Clash(where, base, theirs, ours))
    return ours


def is_same(a: object, b: object) -> bool:
    """Tell whether two values are the same in JSON: 1 is 1.0, but not true."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(is_same(a[key], b[key]) for key in a)
    if _is_list(a) and _is_list(b):
        return len(a) == len(b) and all(map(is_same, a, b))
    return a == b or (_is_nan(a) and _is_nan(b))


def shown(value: object) -> str:
    """Return a value as text for people, cut short."""
    if isinstance(value, Nothing):
        return value.value
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]} …"


def _merge_objects(
    base: object,
    theirs: Mapping[Any, Any],
    ours: Mapping[Any, Any],
    clashes: list[Clash],
    where: str,
) -> dict[Any, Any]:
    lacking = UNKNOWN if base is UNKNOWN else ABSENT
    before = base if isinstance(base, Mapping) else {}
    merged = {
        key: merge(
            before.get(key, lacking),
            theirs.get(key, ABSENT),
            ours.get(key, ABSENT),
            clashes,
            f"{where}.{key}" if where else str(key),
        )
        for key in dict.fromkeys([*ours, *theirs])
    }
    return {key: value for key, value in merged.items() if value is not ABSENT}


def _by_roi(value: object) -> dict[Any, Any] | None:
    """Return a list of ROIs by their ids; None where it is no such list."""
    if not _is_list(value) or not all(isinstance(item, Mapping) for item in value):
        return None
    ids = [item.get("roi_id") for item in value]
    if not all(isinstance(roi, str | int) for roi in ids) or len(set(ids)) < len(ids):
        return None
    return dict(zip(ids, value, strict=True))


def _is_nan(value: object) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _is_list(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)
