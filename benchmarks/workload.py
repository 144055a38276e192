"""The workload: a synthetic dataset of many images, and ways to make some of them stale.

A workload is made once and used by every case. Its size alone decides what is in it, to the byte
where Polars writes Parquet alike. Images have no pixels, which no phase reads.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np

from benchmarks import content
from kymflow_zarr import ZarrDataset

VARIANTS = tuple(product((2.5, 3.0, 3.5, 4.0), (2, 4)))
"""The (mad_k, top_k_total) that images are analysed with."""

WITHOUT_EVENTS = 0.03
POOL = 4096
"""Distinct events files; each image has its own copy of one. Making a distinct one for each of
100,000 images takes minutes; with fewer, the table compresses better than real ones do."""

PARAMS, EVENTS = "params.json", "events.parquet"
_SEED = content.SEED
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Change:
    """Which images have other params and other events than at first.

    Attributes:
        share: How many of the images, rounded up.
        contiguous: Whether they are neighbours in the order of their ids, as those of one new
            session are where ids tell the time; else they lie anywhere.
    """

    share: float
    contiguous: bool = False


UNCHANGED = Change(0.0)
ONE_IMAGE = Change(1e-9)
ONE_PERCENT = Change(0.01)
ONE_PERCENT_TOGETHER = Change(0.01, contiguous=True)


class Workload:
    """A dataset of some size on disk.

    Args:
        folder: Holds the dataset and whatever is derived from it.
        images: How many images.
        rows: How many events an image has on average.

    Attributes:
        dataset: The dataset's own folder, once :meth:`make` was called.
    """

    def __init__(self, folder: Path, images: int, rows: int) -> None:
        self.folder = folder
        self.images = images
        self.rows = rows
        self.dataset = folder / "lab.zarr"
        self._state_file = folder / "workload.json"

    @classmethod
    def open(cls, folder: Path) -> Workload:
        """Return the workload that was made in a folder."""
        state = json.loads((folder / "workload.json").read_bytes())
        return cls(folder, state["images"], state["rows"])

    @cached_property
    def ids(self) -> list[str]:
        """The ids of all images as they were made, which is not their sort order."""
        return content.image_ids(self.images)

    @property
    def change(self) -> Change:
        """The change that lies on disk."""
        change = self._on_disk()
        if change is None:
            raise RuntimeError("the workload was not made, or only in part; call make")
        return change

    def make(self) -> None:
        """Write the dataset, or take the whole one that lies there, in its first state."""
        if self._on_disk() is not None:
            self.apply(UNCHANGED)
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        ZarrDataset(self.dataset, mode="w")
        group = content.group_json()
        for number, image_id in enumerate(self.ids):
            image = f"{self.dataset}/images/{image_id}"
            for folder in (image, f"{image}/analysis", f"{image}/analysis/velocity_events"):
                os.mkdir(folder)
            _write(f"{image}/zarr.json", group)
            _write(f"{image}/analysis/metadata.json", content.metadata_json(number))
        self._write_analyses(range(self.images), changed=False)
        self._record(UNCHANGED)

    def warm(self) -> None:
        """Read every file that a phase reads, so that the first finds them in memory as well."""
        for image_id in self.ids:
            analysis = f"{self.dataset}/images/{image_id}/analysis"
            for name in ("metadata.json", *(f"velocity_events/{n}" for n in (PARAMS, EVENTS))):
                with open(f"{analysis}/{name}", "rb") as stream:
                    stream.read()

    def changed_ids(self, change: Change) -> list[str]:
        """Return the images that a change concerns."""
        return [self.ids[number] for number in self._concerned(change)]

    def apply(self, change: Change) -> None:
        """Make the images of a change differ from the first state, and no others."""
        before = self.change
        if before == change:
            return
        # A run killed in between leaves no state behind: the next makes the dataset again.
        self._state_file.unlink()
        self._write_analyses(self._concerned(before), changed=False)
        self._write_analyses(self._concerned(change), changed=True)
        self._record(change)

    def _concerned(self, change: Change) -> Sequence[int]:
        count = math.ceil(change.share * self.images)
        if change.contiguous:
            order = sorted(range(self.images), key=self.ids.__getitem__)
            start = (self.images - count) // 2
            return order[start : start + count]
        chosen = np.random.default_rng(_SEED + 1).permutation(self.images)[:count]
        return [int(number) for number in chosen]

    def _write_analyses(self, numbers: Iterable[int], *, changed: bool) -> None:
        for number in numbers:
            folder = f"{self.dataset}/images/{self.ids[number]}/analysis/velocity_events"
            params, events = self._choices[number]
            _write(f"{folder}/{PARAMS}", self._params[changed][params])
            _write(f"{folder}/{EVENTS}", self._events[(events + changed) % len(self._events)])

    @cached_property
    def _choices(self) -> list[tuple[int, int]]:
        """Which params and which events file each image has at first."""
        rng = np.random.default_rng(_SEED + 2)
        params = rng.integers(0, len(VARIANTS), self.images)
        events = rng.integers(1, len(self._events), self.images)
        events[rng.random(self.images) < WITHOUT_EVENTS] = 0
        return list(zip(params.tolist(), events.tolist(), strict=True))

    @cached_property
    def _params(self) -> tuple[list[bytes], list[bytes]]:
        """The params files at first, and those of changed images."""
        first, changed = (
            [content.params_json(*v, floor) for v in VARIANTS] for floor in (0.25, 0.3)
        )
        return first, changed

    @cached_property
    def _events(self) -> list[bytes]:
        """The pool of events files; the first is empty, and few of the others are long."""
        rng = np.random.default_rng(_SEED + 3)
        beyond_one = self.rows / (1 - WITHOUT_EVENTS) - 1
        size = min(POOL, self.images)
        places = (np.arange(size) + 0.5) / size
        counts = 1 + np.round(-beyond_one * np.log(places)).astype(int)
        return content.events_parquets([0, *rng.permutation(counts).tolist()], rng)

    @property
    def _facts(self) -> dict[str, int]:
        return {"format": _FORMAT, "images": self.images, "rows": self.rows}

    def _on_disk(self) -> Change | None:
        """Return the change on disk, None where there is no whole dataset of this size."""
        try:
            state = json.loads(self._state_file.read_bytes())
        except FileNotFoundError:
            return None
        change = Change(**state.pop("change"))
        return change if state == self._facts else None

    def _record(self, change: Change) -> None:
        self._state_file.write_text(json.dumps({**self._facts, "change": asdict(change)}))


def _write(path: str, data: bytes) -> None:
    # A new file, also where one lies: truncating one makes some file systems wait for the disk.
    with suppress(FileNotFoundError):
        os.unlink(path)
    with open(path, "wb") as stream:
        stream.write(data)
