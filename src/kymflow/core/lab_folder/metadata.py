"""Build an image's metadata payload from its sidecar, header, TIFF, analysis file and source."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from kymflow.core.artifacts.scale import UNITS
from kymflow.core.errors import SourceFileError
from kymflow.core.lab_folder.dates import Told, acquired_at, local_epoch_ns
from kymflow.core.lab_folder.discover import LabImage
from kymflow.core.lab_folder.header import Header, read_header
from kymflow.core.lab_folder.pixels import Kymograph
from kymflow.core.lab_folder.reading import read_object, section, writable
from kymflow.core.lab_folder.rois import read_rois
from kymflow.core.lab_folder.scale import (
    FIGURES,
    Claim,
    claim_of_header,
    claim_of_sidecar,
    decide_scale,
)
from kymflow.core.quantities import as_whole
from kymflow_zarr.errors import UsageError

VERSION = "2.0"

_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of an image from outside its own files.

    Attributes:
        date_order: The order of day and month in the dates around it.
        seconds_per_line: Time between lines, s, if its files say nothing of it.
        um_per_pixel: Distance between pixels, µm, if its files say nothing of it.
    """

    date_order: Told = None
    seconds_per_line: float | None = None
    um_per_pixel: float | None = None

    def __post_init__(self) -> None:
        """Refuse a scale that is not a positive number.

        Raises:
            UsageError: If one is not.
        """
        for name in FIGURES:
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise UsageError(f"{name} is {value}; give a number above 0")

    def or_as_given(self, metadata: Mapping[str, Any]) -> Hints:
        """Return these, and where they lack a scale, the one given at an earlier import.

        Args:
            metadata: The image's metadata.
        """
        header = metadata.get("header")
        known = header if isinstance(header, Mapping) else {}
        sources, voxels = known.get("scale_source"), known.get("voxels")
        if not isinstance(sources, Mapping) or not isinstance(voxels, list) or len(voxels) < 2:
            return self
        earlier = {
            name: value
            for name, value in zip(FIGURES, voxels, strict=False)
            if getattr(self, name) is None and sources.get(name) == "given"
        }
        return replace(self, **earlier) if earlier else self


def build_metadata(
    image: LabImage, kymograph: Kymograph, source: dict[str, Any], hints: Hints
) -> dict[str, Any]:
    """Build the payload that an image's ``metadata`` artifact holds.

    Args:
        image: The image.
        kymograph: Its pixels, and what the TIFF says of them.
        source: Where it came from.
        hints: What is known from outside its own files.

    Returns:
        version, header (shape, voxels in s per line and µm per pixel, scale_source, …),
        experiment_metadata, rois in one form, accepted, analysis, source, and import_notes: what
        its files leave open or contradict.

    Raises:
        SourceFileError: If the sidecar or the analysis file is not of its form. A header that
            can't be read is noted.
    """
    sidecar = read_object(image.sidecar) if image.sidecar else {}
    analysis = read_object(image.analysis) if image.analysis else {}
    named = image.sidecar or image.tif
    made = image.analysis or named
    told = (content.get("accepted") for content in (sidecar, analysis))
    accepted = next((each for each in told if isinstance(each, bool)), None)
    stored = writable(section(sidecar, "header", named), named)
    experiment = writable(section(sidecar, "experiment_metadata", named), named)
    notes = list(kymograph.notes)
    microscope = _microscope(image, notes)
    header = _header(stored, microscope, kymograph, hints, notes)
    rois = read_rois(sidecar.get("rois") or [], kymograph.pixels.shape, named, notes)
    notes += _alike(experiment)
    return {
        "version": VERSION,
        "header": header,
        "experiment_metadata": experiment,
        "rois": writable(rois, named),
        "accepted": accepted,
        "analysis": writable(section(analysis, "analysis_metadata", made), made),
        "source": source,
        "import_notes": notes,
    }


def _microscope(image: LabImage, notes: list[str]) -> Header | None:
    """Read the microscope's header; one that can't be read costs neither pixels nor sidecar."""
    if image.header is None:
        return None
    try:
        return read_header(image.header)
    except SourceFileError as error:
        notes.append(f"{error.message}; the image is imported without it")
        return None


def _header(
    stored: Mapping[str, Any],
    microscope: Header | None,
    kymograph: Kymograph,
    hints: Hints,
    notes: list[str],
) -> dict[str, Any]:
    shape = kymograph.pixels.shape
    given = Claim("given", hints.seconds_per_line, hints.um_per_pixel)
    claims = [claim_of_sidecar(stored, shape), *kymograph.claims, given]
    claims += [claim_of_header(microscope)] if microscope else []
    scale = decide_scale(claims, shape)
    notes += scale.notes
    voxels = [scale.seconds_per_line, scale.um_per_pixel]
    header = {
        **stored,
        "shape": list(shape),
        "ndim": len(shape),
        "voxels": voxels,
        "voxels_units": list(UNITS),
        "physical_size": [v and v * n for v, n in zip(voxels, shape, strict=False)],
        "scale_source": scale.sources,
    }
    header.setdefault("labels", ["time (s)", "space (um)"])
    if microscope is not None:
        header["acquired_local_epoch_ns"] = _acquired(stored, microscope, hints, notes)
        header["olympus"] = microscope.sections
    return header


def _acquired(
    stored: Mapping[str, Any], microscope: Header, hints: Hints, notes: list[str]
) -> int | None:
    """Return when the image was acquired: the sidecar's word before the header's."""
    when, unknown = acquired_at(microscope, hints.date_order)
    told = None if when is None else local_epoch_ns(when)
    own = as_whole(stored.get("acquired_local_epoch_ns"))
    if own is None:
        notes += [unknown] if unknown else []
        return told
    if told is not None and abs(own - told) > _SECOND_NS:
        notes.append(f"the header is of {when:%Y-%m-%d %H:%M:%S} and the sidecar of another time")
    return own


def _alike(experiment: Mapping[str, Any]) -> Iterator[str]:
    """Say which fields differ by case and blanks only, so that a reader finds both."""
    fields: dict[str, list[str]] = defaultdict(list)
    for name in experiment:
        fields[name.strip().lower()].append(name)
    for alike in fields.values():
        if len(alike) > 1:
            listed = ", ".join(f"{each[:40]!a}" for each in alike)
            yield f"the fields {listed} differ by case or blanks only; each has a column of its own"
