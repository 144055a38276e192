"""Code that all rivals share: hash each image's params, and read events by Polars."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.kym_dataset import VelocityEventIndexer

VERSION = VelocityEventIndexer.version
RUNS = pl.Schema(
    {"image_id": pl.String(), "params_hash": pl.String(), "analysis_version": pl.String()}
)
"""The stored run of each image."""


def params_hashes(dataset: Path) -> dict[str, str]:
    """Hash the params of every image: SHA-256 of its JSON, keys sorted, without spaces."""
    images = f"{dataset}/images"
    return {
        image_id: _params_hash(f"{images}/{image_id}/analysis/velocity_events/params.json")
        for image_id in sorted(os.listdir(images))
        if image_id != "zarr.json"
    }


def surveyed(hashes: Mapping[str, str]) -> pl.DataFrame:
    """Return the run that each image needs now, in the form of the stored ones."""
    versions = [VERSION] * len(hashes)
    return pl.DataFrame([list(hashes), list(hashes.values()), versions], schema=RUNS)


def events_path(dataset: Path, image_id: str) -> str:
    """Return the file that holds an image's events."""
    return f"{dataset}/images/{image_id}/analysis/velocity_events/events.parquet"


def read_events(dataset: Path, image_ids: Sequence[str]) -> pl.DataFrame:
    """Read the events of many images with their ``image_id``, by one scan."""
    if not image_ids:
        return pl.DataFrame(schema={"image_id": pl.String(), **EVENT_SCHEMA})
    owners = pl.DataFrame(
        {"path": [events_path(dataset, image_id) for image_id in image_ids], "image_id": image_ids}
    )
    events = pl.scan_parquet(owners["path"].to_list(), include_file_paths="path", glob=False)
    return events.collect().join(owners, on="path", how="left").drop("path")


def _params_hash(path: str) -> str:
    with open(path, encoding="utf-8") as stream:
        params = json.load(stream)
    text = json.dumps(params, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
