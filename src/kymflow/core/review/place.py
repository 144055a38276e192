"""Where and when an event may be: on a ROI that the image has, in order, within the recording."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from kymflow.core.artifacts.scale import stored_scale
from kymflow.core.artifacts.trace import OWNER, load_trace
from kymflow.core.errors import ReviewError
from kymflow.core.review.decision import TIMES
from kymflow_zarr.errors import ArtifactError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord

_STEPS_PER_WINDOW = 4


def check_place(rec: ZarrImageRecord, roi_id: int, channel: int) -> None:
    """Refuse a ROI or channel that the image does not have.

    They are those of its trace; without a trace, those of its metadata; an image that lists none
    has ROI 1.

    Raises:
        ReviewError: If it has no such ROI or channel.
    """
    trace = _trace(rec)
    owners = set(trace.select(*OWNER).unique().iter_rows()) if trace is not None else None
    known = owners or _listed(_metadata(rec)) or {(1, 1)}
    if (roi_id, channel) not in known:
        there = ", ".join(f"{roi}:{own}" for roi, own in sorted(known))
        raise ReviewError(
            f"the image has no ROI {roi_id} with channel {channel}; its ROIs and channels are "
            f"{there}",
            image_id=rec.image_id,
        )


def check_within(rec: ZarrImageRecord, times: Iterable[float | None]) -> None:
    """Refuse times after the end of the recording.

    It ends where its lines do or, where their number or time is not known, half a window after the
    last sample of its trace.

    Args:
        rec: The image.
        times: The times, s; None where one is not known.

    Raises:
        ReviewError: If one is later than that.
    """
    end = _end(_metadata(rec), _trace(rec))
    late = [time for time in times if time is not None and end is not None and time > end]
    if late:
        raise ReviewError(
            f"{late[0]:g} s is after the end of the recording, {end:.3f} s", image_id=rec.image_id
        )


def _metadata(rec: ZarrImageRecord) -> dict[str, Any]:
    try:
        return rec.load_metadata_payload()
    except ArtifactError:
        return {}


def _trace(rec: ZarrImageRecord) -> pl.DataFrame | None:
    try:
        trace = load_trace(rec)
    except ArtifactError:
        return None
    return None if trace.is_empty() else trace


def _listed(metadata: dict[str, Any]) -> set[tuple[int, int]]:
    rois = metadata.get("rois")
    found = [roi for roi in rois if isinstance(roi, dict)] if isinstance(rois, list) else []
    return {
        (roi["roi_id"], roi.get("channel") or 1)
        for roi in found
        if isinstance(roi.get("roi_id"), int) and isinstance(roi.get("channel") or 1, int)
    }


def _end(metadata: dict[str, Any], trace: pl.DataFrame | None) -> float | None:
    header = metadata.get("header")
    scale = stored_scale(header) if isinstance(header, dict) else None
    if scale is not None and scale.seconds_per_line and scale.shape[0]:
        return scale.seconds_per_line * scale.shape[0]
    times = pl.Series(dtype=pl.Float64()) if trace is None else trace["time"].drop_nulls()
    last = times.filter(times.is_finite()).max()
    if not isinstance(last, float):
        return None
    step = times.unique().sort().diff().median()
    return last + _STEPS_PER_WINDOW / 2 * (step if isinstance(step, float) else 0.0)


def check_time(name: str, value: float) -> float:
    """Return a time, s; refuse what is none.

    Raises:
        ReviewError: If it is negative, NaN or infinite.
    """
    if not math.isfinite(value) or value < 0:
        raise ReviewError(f"{name} must be a time in s, 0 or more, not {value!r}")
    return float(value)


def check_order(times: Mapping[str, float | None]) -> None:
    """Refuse an event that does not begin before it peaks and ends.

    Raises:
        ReviewError: If its times don't follow one another.
    """
    known = [value for value in (times.get(name) for name in TIMES) if value is not None]
    if known != sorted(known):
        start, peak, end = (times.get(name) for name in TIMES)
        raise ReviewError(
            f"start ({start} s), peak ({peak} s) and end ({end} s) must follow one another"
        )
