"""The logs of people's decisions, and what is torn off them, are links to somebody's files."""

from __future__ import annotations

import getpass

from tests.hostile.place import Place

READS = True


def make(place: Place) -> None:
    for name in (getpass.getuser(), "somebody"):
        place.link(f"review/{name}.jsonl", "secret.txt")
        place.link(f"review/{name}.torn", "secret.txt")
