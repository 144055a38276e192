"""Images whose events can be reviewed."""

from __future__ import annotations

from kymflow.core.velocity_events.tests.conftest import add_trace

__all__ = ["add_trace"]
