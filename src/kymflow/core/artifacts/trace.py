"""An image's velocity trace, as importers and the analysis write it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.artifacts.conform import conform
from kymflow.core.artifacts.events import TRACE_ARTIFACT
from kymflow_zarr.errors import ArtifactNotFoundError, ArtifactSchemaError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord


OWNER = {"roi_id": pl.Int32(), "channel": pl.Int32()}
"""The columns that tell whose trace a sample is of."""


_MEASURED = {"angle_deg": pl.Float64(), "quality": pl.Float64()}


def load_trace(rec: ZarrImageRecord) -> pl.DataFrame:
    """Return an image's trace.

    Returns:
        Frame (roi_id int32, channel int32, time float64 in s, velocity float64 in mm/s), in the
        order of the artifact; a trace without roi_id or channel is that of 1.

    Raises:
        ArtifactNotFoundError: If it has none.
        ArtifactUnreadableError: If it can't be read.
        ArtifactSchemaError: If it has no time or velocity, or they are no numbers, or a ROI or
            channel is not a whole number.
    """
    return load_measured(rec).select(*OWNER, "time", "velocity")


def load_measured(rec: ZarrImageRecord) -> pl.DataFrame:
    """Load an image's trace with the angles that velocities were measured by, and their quality.

    Returns:
        Frame as of :func:`load_trace`, and behind it angle_deg float64 in degrees and quality
        float64, null where the trace came from elsewhere.

    Raises:
        ArtifactNotFoundError: If it has none.
        ArtifactUnreadableError: If it can't be read.
        ArtifactSchemaError: As for :func:`load_trace`.
    """
    try:
        trace = rec.load_df_parquet(TRACE_ARTIFACT)
    except ArtifactNotFoundError:
        trace = rec.load_df_csv_gz(TRACE_ARTIFACT)
    lacking = [name for name in ("time", "velocity") if name not in trace.columns]
    if lacking:
        raise bad_trace(rec, f"it has no column {' and no column '.join(lacking)}")
    try:
        return conform(trace, {**OWNER, **_MEASURED}, {}).select(
            pl.col(*OWNER).fill_null(1),
            pl.col("time", "velocity").cast(pl.Float64),
            *_MEASURED,
        )
    except (ValueError, pl.exceptions.PolarsError) as error:
        raise bad_trace(rec, str(error).splitlines()[0]) from error


def bad_trace(rec: ZarrImageRecord, why: str) -> ArtifactSchemaError:
    """Return the error for a trace that is there and can't be used."""
    return ArtifactSchemaError(
        f"the trace can't be searched: {why}; repair it or make it again",
        dataset=str(rec.dataset.path),
        image_id=rec.image_id,
        artifact=TRACE_ARTIFACT,
    )
