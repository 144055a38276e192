"""The moments of an update at which tests let it die, each before or after one call."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from kymflow.core.kym_dataset.update.staging import Part, Staging
from kymflow_zarr.store import files
from kymflow_zarr.tables.ducklake import transaction
from kymflow_zarr.tables.parquet import rewrite
from kymflow_zarr.tables.parquet.tables import PlainTables

CALLS: dict[str, tuple[object, str]] = {
    "part": (Part, "write"),
    "copy": (rewrite, "_copy"),
    "flush": (files, "flush"),
    "rename": (os, "replace"),
    "apply": (PlainTables, "_apply"),
    "note": (transaction, "_leave_note"),
    "clear": (Staging, "clear"),
}


def die_at(point: str, die: Callable[[], None]) -> ExitStack:
    """Let an update die at a point; the context that is returned ends it.

    Args:
        point: ``before CALL`` or ``after CALL``, then maybe a text that a path in the call's
            arguments must hold, and maybe the number of the call.
        die: What ends the run.
    """
    when, call, *rest = point.split()
    holds = rest[0] if rest else ""
    due = int(rest[1]) if len(rest) > 1 else 1
    owner, name = CALLS[call]
    real = getattr(owner, name)
    calls = 0

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        matches = any(holds in str(arg) for arg in args)
        calls += matches
        now = matches and calls == due
        if now and when == "before":
            die()
        result = real(*args, **kwargs)
        if now and when == "after":
            die()
        return result

    context = ExitStack()
    context.enter_context(patch.object(owner, name, wrapped))
    return context
