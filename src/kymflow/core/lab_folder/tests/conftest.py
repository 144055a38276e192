from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from kymflow.core.lab_folder.pixels import Kymograph, read_kymograph
from kymflow.core.lab_folder.tests.tiffs import Read


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Return a function that reads a TIFF from its bytes, or from what tifffile is to write."""

    def read(data: bytes | np.ndarray, **options: Any) -> Kymograph:
        path = tmp_path / "a.tif"
        if isinstance(data, bytes):
            path.write_bytes(data)
        else:
            tifffile.imwrite(path, data, **options)
        return read_kymograph(path)

    return read
