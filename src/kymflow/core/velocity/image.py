"""One image: its velocity trace measured from its pixels, and what it was measured from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from kymflow.core.artifacts.detection import TRACE_FILES, find_file
from kymflow.core.artifacts.events import TRACE_ARTIFACT
from kymflow.core.artifacts.kymograph import load_kymograph
from kymflow.core.artifacts.measurement import (
    INTERRUPTED,
    VELOCITY_PARAMS_ARTIFACT,
    MeasurementRecord,
    Stamp,
    pixel_files,
    stamp_files,
)
from kymflow.core.artifacts.scale import stored_scale
from kymflow.core.errors import NoScaleError, PixelsError
from kymflow.core.velocity.measure import VELOCITY_VERSION, measure_velocity
from kymflow.core.velocity.params import VelocityParams
from kymflow_zarr.errors import (
    ArtifactSchemaError,
    ArtifactUnreadableError,
    MetadataNotFoundError,
    UsageError,
)
from kymflow_zarr.reasons import first_line

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord


class Region(NamedTuple):
    """A ROI of an image, in lines and pixels; ends are exclusive, None is the image's own."""

    roi_id: int
    channel: int
    t0: int
    t1: int | None
    x0: int
    x1: int | None


@dataclass(frozen=True, slots=True)
class Regions:
    """Where and at what scale an image is measured.

    Attributes:
        rois: The ROIs; the whole image is ROI 1 where its metadata name none.
        seconds_per_line: Time between lines, s.
        um_per_pixel: Distance between pixels, µm.
    """

    rois: tuple[Region, ...]
    seconds_per_line: float | None
    um_per_pixel: float | None

    def to_dict(self) -> dict[str, Any]:
        """Give them in JSON's terms, for comparison."""
        return {
            "rois": [list(roi) for roi in self.rois],
            "seconds_per_line": self.seconds_per_line,
            "um_per_pixel": self.um_per_pixel,
        }


@dataclass(frozen=True, slots=True)
class Measured:
    """What the measurement of one image did.

    Attributes:
        image_id: The image.
        n_traces: How many ROIs were measured.
        n_windows: Velocities measured, all ROIs together.
        n_nan: Those that are NaN.
    """

    image_id: str
    n_traces: int
    n_windows: int
    n_nan: int


def read_regions(rec: ZarrImageRecord) -> Regions:
    """Read an image's ROIs and scale from its metadata.

    Raises:
        ArtifactSchemaError: If a ROI is not one.
        ArtifactUnreadableError: If the metadata can't be read.
    """
    try:
        metadata = rec.load_metadata_payload()
    except MetadataNotFoundError:
        metadata = {}
    header = metadata.get("header")
    scale = stored_scale(header if isinstance(header, dict) else {})
    rois = metadata.get("rois")
    listed = [_region(rec, roi) for roi in rois] if isinstance(rois, list) else []
    whole = Region(1, 1, 0, None, 0, None)
    return Regions(tuple(listed) or (whole,), scale.seconds_per_line, scale.um_per_pixel)


def measure_image(rec: ZarrImageRecord, params: VelocityParams) -> Measured:
    """Measure the velocity trace of one image and write it.

    What it was measured from is written last; before, it is noted that the trace is about to be
    written, so that a run that is killed in between leaves the image due.

    Args:
        rec: The image.
        params: The params.

    Raises:
        ArtifactNotFoundError: If the image has no pixels.
        ArtifactUnreadableError: If its pixels can't be read.
        ArtifactSchemaError: If a ROI does not fit the pixels, or they are not a kymograph.
        NoScaleError: If s per line or µm per pixel is not known.
    """
    with rec.lock():
        regions = read_regions(rec)
        seconds, um = regions.seconds_per_line, regions.um_per_pixel
        if seconds is None or um is None:
            raise _no_scale(rec, seconds, um)
        pixels = _stamp_pixels(rec)
        channels: dict[int, np.ndarray[Any, Any]] = {}
        traces: list[pl.DataFrame] = []
        statistics: list[dict[str, Any]] = []
        for region in regions.rois:
            try:
                if region.channel not in channels:
                    channels[region.channel] = load_kymograph(rec, region.channel)
                image = channels[region.channel]
                lines, width = image.shape
                t1 = lines if region.t1 is None else region.t1
                x1 = width if region.x1 is None else region.x1
                roi = (region.t0, t1, region.x0, x1)
                trace = measure_velocity(
                    image, seconds_per_line=seconds, um_per_pixel=um, params=params, roi=roi
                )
            except (PixelsError, UsageError) as error:
                raise ArtifactSchemaError(
                    f"ROI {region.roi_id}: {error.message}",
                    dataset=str(rec.dataset.path),
                    image_id=rec.image_id,
                    artifact="metadata",
                ) from error
            owner = {"roi_id": region.roi_id, "channel": region.channel}
            traces.append(
                trace.select(*(pl.lit(v, pl.Int32).alias(n) for n, v in owner.items()), pl.all())
            )
            inside = image[region.t0 : t1, region.x0 : x1]
            statistics.append({**owner, **_statistics(inside)})
        rows = pl.concat(traces)
        measured = MeasurementRecord(
            VELOCITY_VERSION, params.hash, regions.to_dict(), pixels, INTERRUPTED, statistics
        )
        measured.save(rec)
        rec.save_df_parquet(TRACE_ARTIFACT, rows)
        older = rec.artifact_path(TRACE_ARTIFACT, ".csv.gz")
        if older.exists():
            with rec.noting():
                older.unlink(missing_ok=True)  # the Parquet file beside it counts
        rec.save_json(VELOCITY_PARAMS_ARTIFACT, params.to_dict())
        written = find_file(f"{rec.path}/analysis", TRACE_FILES)
        assert written is not None  # noqa: S101 - it was just written
        replace(measured, trace=stamp_files([written])).save(rec)
    n_nan = int(rows["velocity"].is_nan().sum())
    return Measured(rec.image_id, len(traces), rows.height, n_nan)


def _stamp_pixels(rec: ZarrImageRecord) -> Stamp:
    try:
        return stamp_files(pixel_files(rec.dataset, rec.image_id))
    except OSError as error:
        raise ArtifactUnreadableError(
            f"its pixels can't be read: {first_line(error)}; repair access, or import it again",
            dataset=str(rec.dataset.path),
            image_id=rec.image_id,
            artifact="data",
        ) from error


def _statistics(pixels: np.ndarray[Any, Any]) -> dict[str, float]:
    inside = pixels.astype(np.float64, copy=False)
    return {
        "pixel_min": float(inside.min()),
        "pixel_max": float(inside.max()),
        "pixel_mean": float(inside.mean()),
        "pixel_std": float(inside.std()),
    }


def _region(rec: ZarrImageRecord, roi: object) -> Region:
    try:
        if not isinstance(roi, Mapping):
            raise TypeError("it is not an object")
        ends = {name: roi.get(name) for name in ("y0", "y1", "x0", "x1")}
        for name, value in ends.items():
            if value is not None and type(value) is not int:
                raise TypeError(f"{name} is {value!r}, not a whole number")
        channel = roi.get("channel")
        return Region(
            int(roi["roi_id"]),
            1 if channel is None else int(channel),
            ends["y0"] or 0,
            ends["y1"],
            ends["x0"] or 0,
            ends["x1"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactSchemaError(
            f"a ROI of its metadata can't be used ({error}); correct the metadata",
            dataset=str(rec.dataset.path),
            image_id=rec.image_id,
            artifact="metadata",
        ) from error


def _no_scale(rec: ZarrImageRecord, seconds: float | None, um: float | None) -> NoScaleError:
    lacking = [
        name
        for name, value in (("seconds_per_line", seconds), ("um_per_pixel", um))
        if value is None
    ]
    return NoScaleError(
        f"its {' and '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not known, without "
        "which there is no velocity",
        dataset=str(rec.dataset.path),
        image_id=rec.image_id,
        artifact="metadata",
    )
