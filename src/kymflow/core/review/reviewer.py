"""Who decides."""

from __future__ import annotations

import getpass
import os
from contextlib import suppress

from kymflow.core.errors import ReviewError

REVIEWER_VARIABLE = "KYMFLOW_REVIEWER"


def reviewer_name(given: str | None = None) -> str:
    """Name the reviewer: as given, else ``$KYMFLOW_REVIEWER``, else the user's name."""
    name = (given or os.environ.get(REVIEWER_VARIABLE) or "").strip()
    if name:
        return name
    with suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    raise ReviewError(f"there is no reviewer's name; give one, or set ${REVIEWER_VARIABLE}")
