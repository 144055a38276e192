"""The picture of one image: its kymograph, and beneath it each trace with its events."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from kymflow.core.artifacts.kymograph import load_kymograph
from kymflow.core.artifacts.scale import stored_scale
from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.artifacts.trace import load_measured
from kymflow.core.extras import needs_extra
from kymflow.core.kym_dataset.indexers.velocity_events import VelocityEventIndexer
from kymflow.core.plots.style import WIDTH, check_size, config
from kymflow_zarr.errors import ArtifactNotFoundError, UsageError

if TYPE_CHECKING:
    import altair as alt
    import numpy as np

    from kymflow.core.plots.span import Span
    from kymflow_zarr import ZarrImageRecord


def draw_image(
    rec: ZarrImageRecord,
    *,
    rois: Sequence[int] | None = None,
    start: float | None = None,
    end: float | None = None,
    width: int = WIDTH,
    title: str | None = None,
) -> alt.VConcatChart:
    """Draw an image: its kymograph, and on the same time axis its traces with their events.

    A kymograph with more lines than the picture has columns is shrunk by means, a trace keeps the
    extremes of each column. On a kymograph short enough to show them, segments of the measured
    slopes tell whether the velocity is right; beneath a trace that was measured, a strip shows the
    quality. Velocities far from all others are cut off, and how many is said.

    Args:
        rec: The image.
        rois: Draw the traces of these ROIs only; of all if None.
        start: Draw from this time on, s; from the image's start if None.
        end: Draw up to this time, s; to the image's end if None.
        width: Of the panels without axes, px.
        title: What the picture is called, in place of the image's file and id.

    Returns:
        The chart, ready for :func:`kymflow.core.plots.save` or a notebook.

    Raises:
        ImageNotFoundError: If there is no such image.
        UsageError: If there is nothing to draw, or the pixels are not 2-D, a ROI is not there, or
            the time or the width can't be drawn.
        ArtifactError: If the pixels, the trace or the events can't be read.
        MissingExtraError: If Altair or Pillow is not installed.
    """
    rec.check_exists()
    with needs_extra("plot", "pictures"):
        import altair as alt

        from kymflow.core.plots.kymograph import draw_kymograph
        from kymflow.core.plots.span import Span
    metadata = _metadata(rec)
    seconds, um = _voxels(metadata)
    trace, events = _trace(rec, rois), _events(rec)
    pixels = _pixels(rec, trace)
    if pixels is None and trace.is_empty():
        raise UsageError(
            "it has neither pixels nor a trace, so there is nothing to draw",
            dataset=str(rec.dataset.path),
            image_id=rec.image_id,
        )
    last = trace["time"].max() if pixels is None else len(pixels) * (seconds or 1.0)
    span = Span(
        0.0 if start is None else start,
        float(last) if end is None else end,  # type: ignore[arg-type]
        "s" if seconds or pixels is None else "line",
        width,
    )
    if not (math.isfinite(span.start) and math.isfinite(span.end) and span.start < span.end):
        raise UsageError(
            f"the time drawn must end after it starts, and both be finite: {span.start:g} to "
            f"{span.end:g} s"
        )
    check_size(width)
    rows: list[Any] = []
    if pixels is not None:
        listed = metadata.get("rois")
        rois_drawn = [
            roi for roi in (listed if isinstance(listed, list) else []) if isinstance(roi, dict)
        ]
        shown = trace.filter(pl.col("channel") == pl.col("channel").min())  # that of the pixels
        last_panel = trace.is_empty()
        rows.append(
            draw_kymograph(pixels, span, seconds, um, rois_drawn, trace=shown, last=last_panel)
        )
    rows += _trace_panels(trace, events, span)
    names = [title] if title else list(dict.fromkeys([_file(rec, metadata), rec.image_id]))
    head = alt.TitleParams(names[0], subtitle=_subtitle(names[1:], metadata, pixels))
    chart: alt.VConcatChart = alt.vconcat(*rows, spacing=14, title=head).configure(**config())
    return chart


def _trace_panels(trace: pl.DataFrame, events: pl.DataFrame, span: Span) -> Iterator[Any]:
    from kymflow.core.plots.events import event_kinds, within
    from kymflow.core.plots.streaks import draw_quality
    from kymflow.core.plots.trace import draw_trace

    events = within(events, span)
    kinds = event_kinds(events)
    parts = trace.partition_by("roi_id", "channel", as_dict=True)
    channels = trace["channel"].n_unique()
    for number, ((roi_id, channel), part) in enumerate(sorted(parts.items())):
        name = f"ROI {roi_id}" + (f", channel {channel}" if channels > 1 else "")
        final = number == len(parts) - 1
        measured = part["quality"].null_count() < part.height
        own = events.filter(pl.col("roi_id") == roi_id, pl.col("channel").fill_null(1) == channel)
        yield draw_trace(
            part.select("time", "velocity"),
            own,
            span,
            name=name,
            kinds=kinds,
            legend=number == 0,
            last=final and not measured,
        )
        if measured:
            yield draw_quality(part.select("time", "quality"), span, last=final)


def _metadata(rec: ZarrImageRecord) -> dict[str, Any]:
    try:
        return rec.load_metadata_payload()
    except ArtifactNotFoundError:
        return {}


def _voxels(metadata: dict[str, Any]) -> tuple[float | None, float | None]:
    """Return s per line and µm per pixel; None where the metadata does not tell."""
    scale = stored_scale(_section(metadata, "header"))
    return _drawable(scale.seconds_per_line), _drawable(scale.um_per_pixel)


def _section(metadata: dict[str, Any], name: str) -> dict[str, Any]:
    section = metadata.get(name)
    return section if isinstance(section, dict) else {}


def _drawable(size: float | None) -> float | None:
    """Return a size; None where it can't be drawn."""
    return size if size is not None and 1e-12 < size < 1e12 else None


def _pixels(rec: ZarrImageRecord, trace: pl.DataFrame) -> np.ndarray[Any, Any] | None:
    """Return the pixels of the first channel that has a trace."""
    channels = trace["channel"].drop_nulls()
    try:
        return load_kymograph(rec, channels.min() or 1)  # type: ignore[arg-type]
    except ArtifactNotFoundError:
        return None


def _trace(rec: ZarrImageRecord, rois: Sequence[int] | None) -> pl.DataFrame:
    try:
        trace = load_measured(rec)
    except ArtifactNotFoundError:
        schema = {
            "roi_id": pl.Int32,
            "channel": pl.Int32,
            "time": pl.Float64,
            "velocity": pl.Float64,
            "quality": pl.Float64,
        }
        trace = pl.DataFrame(schema=schema)
    for roi_id in rois or []:
        if roi_id not in trace["roi_id"]:
            known = ", ".join(map(str, trace["roi_id"].unique().sort())) or "none"
            raise UsageError(
                f"there is no trace of ROI {roi_id}; traces there are: {known}",
                dataset=str(rec.dataset.path),
                image_id=rec.image_id,
            )
    return trace.filter(pl.col("roi_id").is_in(list(rois))) if rois else trace


def _events(rec: ZarrImageRecord) -> pl.DataFrame:
    try:
        return VelocityEventIndexer().read_rows(rec)
    except ArtifactNotFoundError:
        return pl.DataFrame(schema=EVENT_SCHEMA)


def _file(rec: ZarrImageRecord, metadata: dict[str, Any]) -> str:
    return str(_section(metadata, "source").get("path") or rec.image_id)


def _subtitle(
    names: Sequence[str], metadata: dict[str, Any], pixels: np.ndarray[Any, Any] | None
) -> list[str]:
    parts = list(names)
    if pixels is not None:
        seconds, um = _voxels(metadata)
        parts.append(f"{pixels.shape[0]:,} lines of {pixels.shape[1]} pixels")
        parts += [f"{1000 * seconds:.3g} ms per line"] if seconds else []
        parts += [f"{um:.3g} µm per pixel"] if um else []
    return ["  ·  ".join(parts)] if parts else []
