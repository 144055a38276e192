"""A lab folder that tests make and change."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import tifffile

EVENT = {"event_type": "nan_gap", "t_start": 1.0, "t_end": 2.0, "user_type": "unreviewed"}

SCALE = {"voxels": [0.005, 0.5]}


class Lab:
    """A lab folder.

    Args:
        root: Where it is to be.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def tif(self, name: str, fill: int = 0, **options: Any) -> Path:
        """Write a TIFF whose pixels are those of a number."""
        path = self._made(f"{name}.tif")
        pixels = np.random.default_rng(fill).integers(0, 999, (40, 6), dtype=np.uint16)
        tifffile.imwrite(path, pixels, **options)
        return path

    def sidecar(
        self, name: str, rois: list[dict[str, Any]] | None = None, **experiment: Any
    ) -> Path:
        """Write a sidecar."""
        path = self._made(f"{name}.json")
        path.write_text(
            json.dumps({"header": SCALE, "experiment_metadata": experiment, "rois": rois or []})
        )
        return path

    def trace(self, name: str, seed: int = 0, rois: tuple[int, ...] = (1,)) -> Path:
        """Write a trace with a stall from 8 to 9 s."""
        path = self._analysis(name, "_radon.csv")
        time = np.arange(4000) / 200
        noise = np.random.default_rng(seed).normal(0, 0.03, (len(rois), 4000))
        velocity = np.where((time > 8) & (time < 9), 0.1, 1.2) + noise
        pl.DataFrame(
            {
                "roi_id": np.repeat(rois, 4000),
                "time": np.tile(time, len(rois)),
                "velocity": velocity.ravel(),
            }
        ).write_csv(path)
        return path

    def events(
        self, name: str, *events: dict[str, Any], key: str = "1:1", params: object = None
    ) -> Path:
        """Write events of one ROI and channel."""
        path = self._analysis(name, "_events.json")
        content: dict[str, Any] = {"version": "2.0", "velocity_events": {key: list(events)}}
        if params is not None:
            content["params"] = params
        path.write_text(json.dumps(content))
        return path

    def image(self, name: str, fill: int) -> None:
        """Write all that an image can have."""
        self.tif(name, fill)
        self.sidecar(name, condition="control", note="")
        self.trace(name, fill)
        self.events(name, EVENT, {**EVENT, "t_start": 5.0, "t_end": 6.0})

    def _made(self, name: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def _analysis(self, name: str, ending: str) -> Path:
        path = self.root / name
        return self._made(os.fspath(path.parent / "flow-analysis" / f"{path.name}{ending}"))
