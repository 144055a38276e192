"""Build an image's metadata payload from its sidecar, header, analysis file and sources."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kymflow.core.lab_folder.discover import LabImage
from kymflow.core.lab_folder.header import Header, read_header
from kymflow.core.lab_folder.reading import broken, read_object, section, writable

VERSION = "2.0"


def build_metadata(image: LabImage, shape: Sequence[int], source: dict[str, Any]) -> dict[str, Any]:
    """Return the payload that an image's ``metadata`` artifact holds.

    Args:
        image: The image.
        shape: The pixels' shape (lines, pixels a line).
        source: Where it came from.

    Returns:
        version, header (shape, voxels in s a line and µm a pixel, …), experiment_metadata, rois
        in one form, accepted, analysis, source.

    Raises:
        SourceFileError: If a file is not of its form.
    """
    sidecar = read_object(image.sidecar) if image.sidecar else {}
    microscope = read_header(image.header) if image.header else None
    analysis = read_object(image.analysis) if image.analysis else {}
    named = image.sidecar or image.tif
    accepted = sidecar.get("accepted", analysis.get("accepted"))
    made = image.analysis or named
    return {
        "version": VERSION,
        "header": _header(writable(section(sidecar, "header", named), named), microscope, shape),
        "experiment_metadata": writable(section(sidecar, "experiment_metadata", named), named),
        "rois": writable(_rois(sidecar.get("rois") or [], named), named),
        "accepted": accepted if isinstance(accepted, bool) else None,
        "analysis": writable(section(analysis, "analysis_metadata", made), made),
        "source": source,
    }


def _header(
    stored: dict[str, Any], microscope: Header | None, shape: Sequence[int]
) -> dict[str, Any]:
    header = {**stored, "shape": list(shape), "ndim": len(shape)}
    header.setdefault("voxels_units", ["s", "um"])
    header.setdefault("labels", ["time (s)", "space (um)"])
    if microscope is not None:
        header.setdefault("voxels", [microscope.seconds_per_line, microscope.um_per_pixel])
        header.setdefault("acquired_local_epoch_ns", microscope.acquired_local_epoch_ns)
        header["olympus"] = microscope.sections
    return header


def _rois(rois: object, path: Path) -> list[dict[str, Any]]:
    if not isinstance(rois, list):
        raise broken(path, f"'rois' is a {type(rois).__name__}, not a list")
    return [_roi(roi, path) for roi in rois]


def _roi(roi: object, path: Path) -> dict[str, Any]:
    """Return a ROI in the one form: x along space, y along time, both in pixels."""
    if not isinstance(roi, dict):
        raise broken(path, f"a ROI is a {type(roi).__name__}, not an object")
    data = section(roi, "data", path)
    older = {"x0": "dim1_start", "x1": "dim1_stop", "y0": "dim0_start", "y1": "dim0_stop"}
    box = {corner: data.get(corner, roi.get(name)) for corner, name in older.items()}
    taken = {"data", "id", "roi_id", *older.values()}
    rest = {key: value for key, value in roi.items() if key not in taken}
    return {"roi_id": roi.get("roi_id", roi.get("id")), **rest, **box}
