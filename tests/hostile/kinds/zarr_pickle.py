"""The pixels are packed by a codec that runs what is packed."""

from __future__ import annotations

import pickle
import shutil

from tests.hostile.place import Place


class Runs:
    """Runs code where it is unpickled."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, (self.code,)


def make(place: Place) -> None:
    code = f"open({str(place.outside / 'new.txt')!r}, 'w').write('x')"
    pickled = pickle.dumps(Runs(code))
    shutil.rmtree(place.image())
    for name, codec in (("compressor", {"id": "pickle"}), ("filters", [{"id": "pickle"}])):
        header = {"zarr_format": 2, "shape": [2, 2], "chunks": [2, 2], "dtype": "|O", "order": "C"}
        header |= {
            "fill_value": 0,
            "compressor": None,
            "filters": [{"id": "vlen-utf8"}],
            name: codec,
        }
        folder = place.image() / ("data" if name == "filters" else "analysis_arrays/x")
        place.write(folder / ".zarray", header)
        place.write(folder / "0.0", pickled)
    place.write(place.image() / ".zgroup", {"zarr_format": 2})
