"""One image: what it is, its events, its trace, its pixels; as a thumbnail and as a figure."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from starlette.responses import Response

from kymflow.core.artifacts.detection import EVENTS_FILES, TRACE_FILES, find_file
from kymflow.core.artifacts.image_names import path_of
from kymflow.core.artifacts.scale import stored_scale
from kymflow.core.artifacts.trace import OWNER, load_measured
from kymflow.core.plots import draw_image
from kymflow.core.plots.pixels import column_means
from kymflow.core.plots.thumbnail import draw_thumbnail
from kymflow.core.review.labels import proposed_label
from kymflow.explore.api.endpoint import Asked, reads
from kymflow.explore.workspace import Workspace
from kymflow_zarr import ZarrImageRecord
from kymflow_zarr.errors import ArtifactError, ArtifactNotFoundError, UsageError
from kymflow_zarr.store.reads import stamp

MOST_COLUMNS, MOST_ROWS = 4_096, 1_024
"""Size of the largest raster that is sent, px."""
_DEEPEST = 65_535
_PICTURES = {"png": "image/png", "svg": "image/svg+xml"}


def _image(workspace: Workspace, asked: Asked) -> dict[str, Any]:
    image, queue = asked.text("image"), asked.optional("queue")
    record = workspace.record(image, queue)
    image = image if queue else record.image_id
    events = workspace.reviews(queue).events(image)
    metadata = _metadata(record)
    header = metadata.get("header")
    scale = stored_scale(header if isinstance(header, dict) else {})
    shape = _shape(record)
    rois = metadata.get("rois")
    return {
        "image": image,
        "queue": queue,
        "path": None if queue else path_of(metadata),
        "shape": shape,
        "channels": shape[2] if shape and len(shape) > 2 else 1,
        "seconds_per_line": scale.seconds_per_line,
        "um_per_pixel": scale.um_per_pixel,
        "rois": rois if isinstance(rois, list) else [],
        "metadata": {} if queue else metadata,
        "events": shown_events(events),
    }


def shown_events(events: pl.DataFrame) -> list[dict[str, Any]]:
    """Return events, each with the label by which a person would agree with the detector."""
    return [
        {**event, "proposed": proposed_label(event.get("machine_type"))}
        for event in events.to_dicts()
    ]


def _trace(workspace: Workspace, asked: Asked) -> Response:
    record = workspace.record(asked.text("image"), asked.optional("queue"))
    try:
        trace = load_measured(record)
    except ArtifactNotFoundError:
        return Response(b'{"traces": []}', media_type="application/json")
    known = trace.with_columns(
        pl.when(pl.col(name).is_finite()).then(pl.col(name)).alias(name)
        for name in ("time", "velocity", "quality")
    ).filter(pl.col("time").is_not_null())
    traces = []
    parts = known.partition_by(*OWNER, as_dict=True)
    for (roi_id, channel), part in sorted(parts.items()):
        values = part.sort("time", maintain_order=True)
        columns = {n: values[n].to_list() for n in ("time", "velocity", "quality")}
        if values["quality"].null_count() == values.height:
            columns["quality"] = []
        traces.append({"roi_id": roi_id, "channel": channel, **columns})
    return Response(json.dumps({"traces": traces}).encode(), media_type="application/json")


def _pixels(workspace: Workspace, asked: Asked) -> Response:
    """Send lines of an image, shrunk to columns, as 16-bit numbers, row by row.

    They are scaled to the range of the whole image, so that contrast is the same wherever one is.
    """
    record = workspace.record(asked.text("image"), asked.optional("queue"))
    pixels = workspace.pixels(record, asked.whole("channel", 1))
    first = min(max(0, asked.whole("from", 0)), len(pixels) - 1)
    last = min(max(first + 1, asked.whole("to", len(pixels))), len(pixels))
    columns = min(max(1, asked.whole("columns", 1_024)), MOST_COLUMNS)
    shrunk = column_means(pixels[first:last], columns)
    if shrunk.shape[1] > MOST_ROWS:
        shrunk = column_means(shrunk.T, MOST_ROWS).T
    low, high = _range(pixels)
    share = np.nan_to_num((shrunk.T - low) / ((high - low) or 1.0)).clip(0, 1)
    raster = np.rint(share * _DEEPEST).astype("<u2")
    headers = {
        "x-columns": str(raster.shape[1]),
        "x-rows": str(raster.shape[0]),
        "x-from": str(first),
        "x-to": str(last),
        "x-low": repr(low),
        "x-high": repr(high),
    }
    return Response(raster.tobytes(), media_type="application/octet-stream", headers=headers)


def _thumbnail(workspace: Workspace, asked: Asked) -> Response:
    record = workspace.record(asked.text("image"), None)
    folder = f"{record.path}/analysis"
    files = [find_file(folder, names) for names in (TRACE_FILES, EVENTS_FILES)]
    stamps = [stamp(Path(record.path)), *(stamp(Path(path)) for path in files if path)]
    name = hashlib.blake2b(f"{record.image_id}{stamps}".encode(), digest_size=16).hexdigest()
    data = workspace.kept_file(f"{name}.png", lambda: draw_thumbnail(record))
    return Response(data, media_type="image/png")


def _figure(workspace: Workspace, asked: Asked) -> Response:
    """Draw what `kymflow show` draws, of the time that is in view."""
    image, queue = asked.text("image"), asked.optional("queue")
    format_ = asked.optional("format") or "png"
    if format_ not in _PICTURES:
        raise UsageError(f"a figure is a {' or '.join(_PICTURES)}, not {format_!r}")
    picture = partial(
        draw_image,
        workspace.record(image, queue),
        start=asked.number("start"),
        end=asked.number("end"),
        title=image if queue else None,
    )
    data = workspace.drawing.draw(picture, format_)
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in image)
    disposition = f'attachment; filename="{name.encode("ascii", "replace").decode()}.{format_}"'
    headers = {"content-disposition": disposition}
    return Response(data, media_type=_PICTURES[format_], headers=headers)


def _metadata(record: ZarrImageRecord) -> dict[str, Any]:
    try:
        return record.load_metadata_payload()
    except ArtifactError:
        return {}


def _shape(record: ZarrImageRecord) -> list[int] | None:
    try:
        return list(record.open_array().shape)
    except ArtifactError:
        return None


def _range(pixels: np.ndarray[Any, Any]) -> tuple[float, float]:
    if pixels.dtype.kind in "ub":
        return 0.0, float(pixels.max()) or 1.0
    finite = pixels[np.isfinite(pixels)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)


READS = [
    reads("/api/image", _image),
    reads("/api/trace", _trace),
    reads("/api/pixels", _pixels),
    reads("/api/thumbnail", _thumbnail),
    reads("/api/figure", _figure),
]
