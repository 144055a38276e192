"""Open hostile datasets by some doors, in a process of its own; say what came of each.

Given ``plain|lake FOLDER KIND,… DOOR…`` it prints a line of JSON for each door of each kind, when
it begins and when it is through: what was said, and what harm was done.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.hostile.doors import DOORS, UncaughtError
from tests.hostile.place import SECRET, Place


def main(tables: str, folder: str, kinds: str, *doors: str) -> None:
    """Open the datasets."""
    place = Place(Path(folder), lake=tables == "lake")
    for kind in kinds.split(","):
        module = importlib.import_module(f"tests.hostile.kinds.{kind}") if kind else None
        for door in doors:
            print(
                json.dumps({"kind": kind, "door": door, "harm": ["it hangs, or dies"]}), flush=True
            )
            print(
                json.dumps({"kind": kind, "door": door, **passed(place, module, door)}), flush=True
            )


def passed(place: Place, module: ModuleType | None, door: str) -> dict[str, Any]:
    """Make a dataset and open it by a door."""
    place.renew()
    if module is not None:
        module.make(place)
    may_read = getattr(module, "READS", False)
    place.canary.rest()
    heard = place.listener.heard
    broken = []
    try:
        said = DOORS[door](place)
    except (UncaughtError, AssertionError) as error:
        said = str(error)
        broken = [f"{type(error).__name__}: {said}"]
    harm = broken + place.canary.harm(may_read=may_read)
    if place.listener.heard != heard:
        harm.append("called the listener")
    if SECRET in said and not may_read:
        harm.append("told the secret")
    return {"said": said[:500], "harm": harm}


if __name__ == "__main__":
    main(*sys.argv[1:])
