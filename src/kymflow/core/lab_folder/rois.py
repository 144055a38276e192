"""The regions of interest of a sidecar, in one form."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kymflow.core.lab_folder.reading import broken, section
from kymflow.core.quantities import as_whole

_CORNERS = {"x0": "dim1_start", "x1": "dim1_stop", "y0": "dim0_start", "y1": "dim0_stop"}
_SIDES = (("x0", "x1", 1), ("y0", "y1", 0))  # and the axis of the pixels that they lie along


def read_rois(
    rois: object, shape: Sequence[int], path: Path, notes: list[str]
) -> list[dict[str, Any]]:
    """Return ROIs in the one form: x along space, y along time, both in pixels.

    Args:
        rois: What the sidecar holds under ``rois``, in either of its forms.
        shape: Lines and pixels per line of the image.
        path: The sidecar.
        notes: Gains what does not fit the image.

    Returns:
        For each ROI ``roi_id``, ``x0``, ``x1``, ``y0``, ``y1``, and its further keys.

    Raises:
        SourceFileError: If they are not such a list, or an id is not a whole number or twice there.
    """
    if not isinstance(rois, list):
        raise broken(path, f"'rois' is a {type(rois).__name__}, not a list")
    found = [_roi(roi, path) for roi in rois]
    ids = [roi["roi_id"] for roi in found if roi["roi_id"] is not None]
    for roi_id in ids:
        if ids.count(roi_id) > 1:
            raise broken(path, f"ROI {roi_id} is there twice")
    for place, roi in enumerate(found, start=1):
        if not all(_fits(roi, side, shape) for side in _SIDES):
            name = f"ROI {place if roi['roi_id'] is None else roi['roi_id']}"
            box = ", ".join(f"{corner} {roi[corner]!a}" for corner in _CORNERS)
            notes.append(f"{name} ({box}) is not within {shape[0]} lines of {shape[1]} pixels")
    return found


def _roi(roi: object, path: Path) -> dict[str, Any]:
    if not isinstance(roi, dict):
        raise broken(path, f"a ROI is a {type(roi).__name__}, not an object")
    data = section(roi, "data", path)
    box = {
        corner: _pixel(roi.get(old) if data.get(corner) is None else data[corner])
        for corner, old in _CORNERS.items()
    }
    taken = {"data", "id", "roi_id", *_CORNERS.values()}
    rest = {key: value for key, value in roi.items() if key not in taken}
    named = roi.get("roi_id")
    given = roi.get("id") if named is None else named
    roi_id = as_whole(given)
    if roi_id is None and given is not None:
        raise broken(path, f"the id of a ROI is {given!a}, not a whole number")
    return {"roi_id": roi_id, **rest, **box}


def _pixel(value: object) -> object:
    """Return a corner as a whole number if it is one; else as it is."""
    whole = as_whole(value)
    return value if whole is None else whole


def _fits(roi: dict[str, Any], side: tuple[str, str, int], shape: Sequence[int]) -> bool:
    start, stop, axis = roi[side[0]], roi[side[1]], side[2]
    if start is None and stop is None:
        return True
    return isinstance(start, int) and isinstance(stop, int) and 0 <= start < stop <= shape[axis]
