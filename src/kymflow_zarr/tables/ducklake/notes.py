"""Comments on the sidecars in a lake: whether each is for all of its table."""

from __future__ import annotations

FOR_TABLE = "for its table"
"""It is for the table as it was when the sidecar last changed."""
PARTIAL = "for a part of its table"
"""It is not for all of its table."""
