"""The pixels' header names codecs and stores that there are not."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    header = place.image() / "data/zarr.json"
    place.change(
        header,
        storage_transformers=[
            {"name": "http", "configuration": {"url": f"http://127.0.0.1:{place.port}"}}
        ],
    )
    place.change(
        place.image("b") / "data/zarr.json",
        codecs=[{"name": "os.system", "configuration": {"x": 1}}],
    )
