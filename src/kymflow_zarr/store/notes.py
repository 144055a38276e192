"""What stands in a journal: the beginning and the end of each write to an image, a line each.

::

    +<writer>-<nonce> <image_id>
    -<writer>-<nonce>

The writer is a computer and a process of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import blake2b
from typing import NamedTuple

from kymflow_zarr.store.names import is_valid_name

_NAME = "[0-9a-f]{12}-[0-9]+-[0-9a-f]{16}"
_NOTE = re.compile(rf"\+({_NAME}) (.+)|-({_NAME})")


class Note(NamedTuple):
    """A line of the journal.

    Attributes:
        name: Names the write.
        image_id: The image that it is about to change; None: it has ended.
    """

    name: str
    image_id: str | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a reader goes on.

    Attributes:
        segment: The number of the segment.
        identity: What tells this segment from any other of its number, copies included.
        offset: How much of it was read, bytes.
        open: The image of each note whose end was not there yet, by the write's name.
        state: What the reader itself had to remember.
    """

    segment: int
    identity: str
    offset: int
    open: Mapping[str, str] = field(default_factory=dict)
    state: str = ""


@dataclass(frozen=True, slots=True)
class Notes:
    """What was noted since a reader was there last.

    Attributes:
        image_ids: The images written to, sorted; they need not exist any more.
        whole: Whether the notes are all there were. If not, as for a reader that was never there,
            any image may have been written to.
        state: What the reader had to remember, empty if it was never there.
        place: Where to go on, see :meth:`Journal.keep`.
    """

    image_ids: tuple[str, ...]
    whole: bool
    state: str
    place: Place


def new_name() -> str:
    """Name a write of this process."""
    return f"{_here()}-{os.getpid()}-{os.urandom(8).hex()}"


def begun(name: str, image_id: str) -> str:
    """Note that a write to an image begins."""
    return f"+{name} {image_id}"


def ended(name: str) -> str:
    """Note that a write has ended."""
    return f"-{name}"


def parsed(line: str) -> Note | None:
    """Read a line; None where it is no note."""
    told = _NOTE.fullmatch(line)
    if told is None:
        return None
    if told[3] is not None:
        return Note(told[3], None)
    return Note(told[1], told[2]) if is_valid_name(told[2]) else None


@cache
def _here() -> str:
    """Name this computer, and the space of its process numbers."""
    try:
        space = os.readlink("/proc/self/ns/pid")
    except OSError:
        space = ""
    node = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
    return blake2b(f"{node} {space}".encode(), digest_size=6).hexdigest()


def may_be_alive(name: str) -> bool:
    """Tell whether the writer of a note may yet write; false only if it has died for certain."""
    here, pid, _ = name.split("-")
    if here != _here() or os.name == "nt":  # there, asking for a process would end it
        return True
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True
