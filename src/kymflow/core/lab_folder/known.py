"""The images that a dataset already holds: by where they came from, and by their content."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from kymflow.core.lab_folder.fingerprint import Fingerprint
from kymflow.core.lab_folder.seen import SeenPixels
from kymflow.core.lab_folder.source import Source
from kymflow_zarr.store.codecs import parse_json

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


class KnownImages:
    """The images of a dataset.

    Args:
        dataset: The dataset; the metadata of all its images is read once.

    Attributes:
        sources: Where each image came from; without those that don't say.
        by_place: The image of each TIFF, by its absolute path.
        trashed: Those that are in the dataset's trash: nobody wants them brought back.
        unhashed: Images the hash of whose pixels is not on record.
    """

    def __init__(self, dataset: ZarrDataset) -> None:
        self.sources: dict[str, Source] = {}
        self.by_place: dict[str, str] = {}
        self._by_tif: dict[str, list[str]] = defaultdict(list)
        self._by_pixels: dict[str, list[str]] = defaultdict(list)
        self.unhashed: list[str] = []
        self._seen = SeenPixels(dataset)
        ids = dataset.list_image_ids()
        self.trashed = frozenset(dataset.list_trashed_ids()).difference(ids)
        folders = {**dict.fromkeys(sorted(self.trashed), "trash"), **dict.fromkeys(ids, "images")}
        keys = (
            f"{folder}/{image_id}/analysis/metadata.json" for image_id, folder in folders.items()
        )
        # Those of the trash go first: where both came from one file, the image counts.
        for image_id, blob in zip(folders, dataset.get_many(keys), strict=True):
            self._add(image_id, _source(blob))

    def alike(self, print_: Fingerprint) -> list[str]:
        """Return the images that are on record with the TIFF or the pixels of a fingerprint."""
        found = list(self._by_tif.get(print_.tif, ()))
        if print_.pixels is not None:
            found += self._by_pixels.get(print_.pixels, ())
        return list(dict.fromkeys(found))

    def pixels_of(self, image_id: str) -> str | None:
        """Return the hash of an image's pixels, computed where it is not on record."""
        source = self.sources.get(image_id)
        return source.pixels if source and source.pixels else self._seen.hash_of(image_id)

    def save(self) -> None:
        """Write down what was computed."""
        self._seen.save()

    def _add(self, image_id: str, source: Source | None) -> None:
        if (source is None or source.pixels is None) and image_id not in self.trashed:
            self.unhashed.append(image_id)
        if source is None:
            return
        self.sources[image_id] = source
        self.by_place[source.place] = image_id
        if source.tif_hash is not None:
            self._by_tif[source.tif_hash].append(image_id)
        if source.pixels is not None:
            self._by_pixels[source.pixels].append(image_id)


def _source(blob: bytes | OSError | None) -> Source | None:
    try:
        return Source.of(parse_json(blob)) if isinstance(blob, bytes) else None
    except ValueError:
        return None
