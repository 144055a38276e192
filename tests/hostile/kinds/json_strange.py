"""JSON files hold other things than they should, and numbers too large."""

from __future__ import annotations

from tests.hostile.place import Place


def make(place: Place) -> None:
    for number, name in enumerate(
        ("metadata.json", "velocity_events/params.json", "velocity_events/detector.json")
    ):
        place.write(
            place.analysis() / name,
            ["[1e999]", "null", '{"mad_k": 1e400, "x": ' + "9" * 5000 + "}"][number],
        )
    place.write(
        place.image("b") / "zarr.json", '{"attributes": {"axes": {"x": 1}, "created_utc": []}}'
    )
