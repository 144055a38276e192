"""What the page works on: one dataset, its reviewer, and what is kept while the page is open."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kymflow.core.artifacts.image_names import find_image
from kymflow.core.artifacts.kymograph import load_kymograph
from kymflow.core.kym_dataset import KymDataset
from kymflow.core.review.blind import BlindReviews
from kymflow.core.review.reviewer import reviewer_name
from kymflow.core.review.reviews import Reviews
from kymflow.explore.drawing import Drawing
from kymflow.explore.jobs import Jobs
from kymflow.explore.listings import Listing, Listings
from kymflow_zarr.store.reads import stamp

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset, ZarrImageRecord

QUERY_S = 30.0
"""Seconds that a query may take."""
_PIXELS = 64 << 20
"""Bytes of pixels kept in memory: two recordings of 30,000 lines × 500 px in 16 bits."""


class Workspace:
    """One dataset, as the page sees it.

    Args:
        dataset: The dataset; where it is open for reading only, the page decides nothing.
        scratch: A folder for answers and thumbnails, which whoever made it removes.
        reviewer: Who decides; see :func:`~kymflow.core.review.reviewer.reviewer_name`.

    Attributes:
        dataset: The dataset.
        kym: Its tables.
        reviewer: Who decides.
        listings: The answers that are kept.
        scratch: The folder for what is kept on disk.
        writing: Held by whoever decides or runs a step: one at a time.
        jobs: The steps that run, one at a time.
        drawing: Draws pictures.
    """

    def __init__(self, dataset: ZarrDataset, scratch: Path, reviewer: str | None = None) -> None:
        self.dataset = dataset
        self.kym = KymDataset(dataset)
        self.reviewer = reviewer_name(reviewer)
        self.scratch = scratch
        self.listings = Listings(scratch)
        self.writing = threading.RLock()
        self.jobs = Jobs(dataset)
        self.drawing = Drawing()
        self._pixels: OrderedDict[tuple[object, ...], np.ndarray[Any, Any]] = OrderedDict()
        self._pixels_lock = threading.Lock()

    def close(self) -> None:
        """End what still runs."""
        self.jobs.close()
        self.drawing.close()

    @property
    def read_only(self) -> bool:
        """Whether the page decides nothing."""
        return self.dataset.read_only

    def reviews(self, queue: str | None) -> Reviews:
        """Return the reviewer's decisions, blind where they go by a queue."""
        if queue is None:
            return Reviews(self.dataset, reviewer=self.reviewer)
        return BlindReviews(self.dataset, queue, reviewer=self.reviewer)

    def record(self, image: str, queue: str | None) -> ZarrImageRecord:
        """Return an image by whatever names it, or by its alias where a queue hides that.

        Raises:
            ImageNotFoundError: If there is no such image.
            UsageError: If the name is that of several.
            ReviewError: If the queue has no such image.
        """
        if queue is None:
            record = self.dataset.record(find_image(self.dataset, image))
        else:
            record = BlindReviews(self.dataset, queue, reviewer=self.reviewer).record(image)
        record.check_exists()
        return record

    def ask(
        self,
        query: str,
        params: Mapping[str, Any] | None = None,
        *,
        alone: bool,
        cancelled: threading.Event | None = None,
    ) -> Listing:
        """Answer a query, and keep the answer.

        Args:
            query: The SQL.
            params: Values in it.
            alone: Whether to answer it in a process of its own, which takes ``QUERY_S`` at most:
                so is whatever a person typed.
            cancelled: Ends it once it is set.

        Raises:
            QueryError: If it can't be answered.
        """
        tables = self.dataset.tables
        what = {
            "query": query,
            "params": dict(params or {}),
            "tables": {name: str(tables.version(name)) for name in tables.names()},
        }
        timeout = QUERY_S if alone else None
        return self.listings.keep(
            what,
            lambda: self.kym.sql_lazy(query, params or None, timeout=timeout, cancelled=cancelled),
        )

    def pixels(self, record: ZarrImageRecord, channel: int) -> np.ndarray[Any, Any]:
        """Return the pixels of an image's channel; those looked at last are kept in memory."""
        key = (record.image_id, channel, stamp(Path(record.path)))
        with self._pixels_lock:
            if key in self._pixels:
                self._pixels.move_to_end(key)
                return self._pixels[key]
        pixels = np.ascontiguousarray(load_kymograph(record, channel))
        with self._pixels_lock:
            self._pixels[key] = pixels
            while len(self._pixels) > 1 and sum(p.nbytes for p in self._pixels.values()) > _PIXELS:
                self._pixels.popitem(last=False)
        return pixels

    def kept_file(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return a small file of the scratch folder, made where it is not there yet."""
        path = self.scratch / name
        try:
            return path.read_bytes()
        except FileNotFoundError:
            data = make()
            path.write_bytes(data)
            return data
