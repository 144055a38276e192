"""What a detection over a dataset says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from kymflow.core.wording import counted, told
from kymflow.core.workers.progress import Failure


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """An old event that no new one took the place of, kept as it was.

    A person's work is on it and no new event overlaps it, or its ROI has no trace. If two events
    with work on them overlap one new event, ``beside`` of the one kept is the other's id.
    """

    image_id: str
    roi_id: int | None
    channel: int | None
    event_id: str | None
    event_type: str | None
    t_start_s: float | None
    user_type: str | None
    note: str | None
    beside: str | None = None

    @classmethod
    def of(cls, image_id: str, event: Mapping[str, Any], beside: str | None = None) -> KeptEvent:
        """Pick what is reported of a row of the event schema."""
        names = [each.name for each in fields(cls) if each.name not in ("image_id", "beside")]
        return cls(image_id, **{name: event[name] for name in names}, beside=beside)

    def __str__(self) -> str:
        place = f"ROI {self.roi_id}, channel {self.channel}"
        time = "" if self.t_start_s is None else f" at {self.t_start_s:.3f} s"
        why = f"; the new event there went to {self.beside}" if self.beside else ""
        return f"{self.image_id}: {self.event_type} {self.event_id} of {place}{time} was kept{why}"


@dataclass(frozen=True, slots=True)
class DetectReport:
    """What one ``detect_dataset`` did.

    Attributes:
        mode: ``"incremental"`` or ``"replace"``.
        detected: Images whose events were made again, none found included.
        skipped: Images whose events were made with these params and this detector already.
        without_trace: Images that have no trace; nothing of theirs was touched.
        failed: Images that could not be searched; nothing of theirs was touched.
        traces: Traces searched, one per ROI and channel.
        events: Events that the images detected have now.
        moved: New events that took over a person's work.
        kept: Old events kept as they were, other than those that a person added.
        external: Events that another program had changed, added or deleted, which is in the journal
            now as decisions of ``external``.
        failures: The failed images.
        seconds: How long it took, s.
    """

    mode: str
    detected: int
    skipped: int
    without_trace: int
    failed: int
    traces: int
    events: int
    moved: int
    kept: tuple[KeptEvent, ...] = field(default=(), repr=False)
    external: int = 0
    failures: tuple[Failure, ...] = field(default=(), repr=False)
    seconds: float = 0.0

    @property
    def summary(self) -> str:
        """The one line that is logged."""
        return (
            f"detect mode={self.mode} detected={self.detected} skipped={self.skipped} "
            f"without_trace={self.without_trace} failed={self.failed} traces={self.traces} "
            f"events={self.events} moved={self.moved} kept={len(self.kept)}"
        )

    @property
    def sentence(self) -> str:
        """The same for people: ``events: 4 images searched, 14 events, 0.3 s``."""
        done, kept = self.detected, len(self.kept)
        parts = [
            f"{counted(done, 'image')} searched" if done else None,
            f"{self.skipped:,} up to date" if self.skipped or not done else None,
            f"{self.without_trace:,} without a trace" if self.without_trace else None,
            f"{self.failed:,} failed" if self.failed else None,
            counted(self.events, "event") if done else None,
            f"{counted(self.moved, 'decision')} moved to new events" if self.moved else None,
            f"{counted(kept, 'old event')} kept" if kept else None,
        ]
        return told("events", parts, self.seconds)
