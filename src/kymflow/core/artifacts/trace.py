"""An image's velocity trace, as importers and the analysis write it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from kymflow.core.artifacts.events import TRACE_ARTIFACT
from kymflow_zarr.errors import ArtifactNotFoundError, ArtifactSchemaError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord


_OWNER = {"roi_id": pl.Int32(), "channel": pl.Int32()}


def load_trace(rec: ZarrImageRecord) -> pl.DataFrame:
    """Return an image's trace.

    Returns:
        Frame (roi_id int32, channel int32, time float64 in s, velocity float64 in mm/s), in the
        order of the artifact; a trace without roi_id or channel is that of 1.

    Raises:
        ArtifactNotFoundError: If it has none.
        ArtifactUnreadableError: If it can't be read.
        ArtifactSchemaError: If it has no time or velocity, or they are no numbers.
    """
    try:
        trace = rec.load_df_parquet(TRACE_ARTIFACT)
    except ArtifactNotFoundError:
        trace = rec.load_df_csv_gz(TRACE_ARTIFACT)
    lacking = [name for name in ("time", "velocity") if name not in trace.columns]
    if lacking:
        raise _bad_trace(rec, f"it has no column {' and no column '.join(lacking)}")
    try:
        return trace.select(
            *(
                (pl.col(name).fill_null(1) if name in trace.columns else pl.lit(1))
                .cast(dtype)
                .alias(name)
                for name, dtype in _OWNER.items()
            ),
            pl.col("time", "velocity").cast(pl.Float64),
        )
    except pl.exceptions.PolarsError as error:
        raise _bad_trace(rec, str(error).splitlines()[0]) from error


def _bad_trace(rec: ZarrImageRecord, why: str) -> ArtifactSchemaError:
    return ArtifactSchemaError(
        f"the trace can't be searched: {why}; repair it or make it again",
        dataset=str(rec.dataset.path),
        image_id=rec.image_id,
        artifact=TRACE_ARTIFACT,
    )
