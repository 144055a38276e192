"""The velocities of every image in figures, one row per ROI and channel: table ``kym_velocity``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl

from kymflow.core.artifacts.columns import PIXELS, QUANTILES
from kymflow.core.artifacts.detection import TRACE_FILES, find_file
from kymflow.core.artifacts.events import TRACE_ARTIFACT
from kymflow.core.artifacts.measurement import (
    VELOCITY_PARAMS_ARTIFACT,
    MeasurementRecord,
    confirmed,
    read_measurement,
)
from kymflow.core.artifacts.schemas import VELOCITY_SCHEMA
from kymflow.core.artifacts.trace import OWNER, load_measured
from kymflow.core.kym_dataset.indexers.artifact import ArtifactIndexer

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord

Row = dict[str, Any]


class VelocityIndexer(ArtifactIndexer):
    """Index the velocity traces of each image.

    One row per ROI and channel: ``n_windows``, ``n_nan`` and ``n_zero`` of them; of the velocities
    that are numbers, mean, median, standard deviation (of the sample), its error, coefficient of
    variation (std / |mean|), least, greatest and quantiles (linear between samples), the same of
    the speeds, their absolute values; ``direction``, 1 or -1, that of the median, 0 if that is 0;
    ``against_fraction``, the share of velocities other than 0 that go against it; the mean
    quality; and of the pixels in the ROI least, greatest, mean and standard deviation, null for a
    trace that was imported. Figures of no velocity at all are null.
    """

    name = "velocity"
    version: ClassVar[str] = "kymflow.velocity@0.1"
    params_artifact: ClassVar[str] = VELOCITY_PARAMS_ARTIFACT
    default_params: ClassVar[Mapping[str, Any]] = {"source": "imported"}
    rows_artifacts: ClassVar[tuple[str, ...]] = (TRACE_ARTIFACT,)
    schema: ClassVar[Mapping[str, pl.DataType]] = VELOCITY_SCHEMA

    def read_rows(self, rec: ZarrImageRecord) -> pl.DataFrame:
        """Compute one image's rows from its trace.

        Raises:
            ArtifactNotFoundError: If it has no trace.
            ArtifactUnreadableError: If the trace can't be read.
            ArtifactSchemaError: If it is not a trace.
        """
        trace = load_measured(rec)
        record = _record_of_trace(rec)
        of_pixels = {
            (each.get("roi_id"), each.get("channel")): each
            for each in (record.statistics if record else ())
        }
        rows = [
            {
                "image_id": rec.image_id,
                **dict(zip(OWNER, owner, strict=True)),
                "measured": record is not None,
                **figures(part["velocity"].to_numpy()),
                "mean_quality": part["quality"].mean(),
                **{name: of_pixels.get(owner, {}).get(name) for name in PIXELS},
            }
            for owner, part in trace.partition_by(*OWNER, as_dict=True).items()
        ]
        return pl.DataFrame(rows, schema=self._whole_schema)

    def _scan(self, paths: Mapping[str, str]) -> pl.DataFrame | None:
        """Read traces one by one: those of 2,000 images together are 700 MB."""
        return None


def _record_of_trace(rec: ZarrImageRecord) -> MeasurementRecord | None:
    """Read what the trace that is there was measured from; None if it came from elsewhere."""
    record = read_measurement(rec.dataset, rec.image_id)
    trace = find_file(f"{rec.path}/analysis", TRACE_FILES)
    return record if record and trace and confirmed(record.trace, [trace]) else None


def figures(velocity: np.ndarray[Any, Any]) -> Row:
    """Describe the velocities of one trace in figures, see :class:`VelocityIndexer`.

    Args:
        velocity: Velocities, mm/s, shape (n,); NaN where there is none.
    """
    known = velocity[np.isfinite(velocity)]
    median = float(np.median(known)) if known.size else None
    direction = None if median is None else int(np.sign(median))
    moving = known[known != 0]
    against = float(np.mean(np.sign(moving) == -direction)) if direction and moving.size else None
    return {
        "n_windows": int(velocity.size),
        "n_nan": int(velocity.size - known.size),
        "n_zero": int(np.count_nonzero(known == 0)),
        **_named(known, "velocity"),
        **_named(np.abs(known), "speed"),
        "direction": direction,
        "against_fraction": against,
    }


def _named(values: np.ndarray[Any, Any], of: str) -> Row:
    if not values.size:
        return {}
    mean = float(values.mean())
    std = float(values.std(ddof=1)) if values.size > 1 else None
    quantiles = np.percentile(values, QUANTILES)
    row = {
        "mean": mean,
        "median": float(np.median(values)),
        "std": std,
        "se": None if std is None else std / float(np.sqrt(values.size)),
        "cv": None if std is None or mean == 0 else std / abs(mean),
        "min": float(values.min()),
        "max": float(values.max()),
        **{f"q{q:02d}": float(v) for q, v in zip(QUANTILES, quantiles, strict=True)},
    }
    return {f"{name}_{of}": value for name, value in row.items()}
