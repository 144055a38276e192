"""Two indexers as users write them: no base class, one image at a time."""

from __future__ import annotations

import polars as pl

from kymflow.core.artifacts.provenance import params_hash
from kymflow_zarr import ZarrImageRecord


class ParamsOnly:
    """One row per image, from its params: almost no work of its own, so the engine's shows."""

    name = "bench_params"

    def analysis_version(self) -> str:
        """Return the version of the analysis."""
        return "bench@1"

    def params_hash(self, rec: ZarrImageRecord) -> str:
        """Return the hash of one image's params."""
        return params_hash(rec.load_json("velocity_events/params"))

    def extract_rows(self, rec: ZarrImageRecord) -> pl.DataFrame:
        """Return the two params that matter most."""
        params = rec.load_json("velocity_events/params")
        return pl.DataFrame(
            {"mad_k": [params["mad_k"]], "top_k_total": [params["top_k_total"]]},
            schema={"mad_k": pl.Float64, "top_k_total": pl.Int64},
        )


class EventSummary(ParamsOnly):
    """One row per ROI, summarizing its events: about a millisecond of own work per image."""

    name = "bench_summary"

    def extract_rows(self, rec: ZarrImageRecord) -> pl.DataFrame:
        """Return the count and the median strength of each ROI's events."""
        events = rec.load_df_parquet("velocity_events/events")
        return (
            events.group_by("roi_id", maintain_order=True)
            .agg(n_events=pl.len(), median_strength=pl.median("strength"))
            .cast({"n_events": pl.Int64})
        )
