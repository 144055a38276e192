"""TIFFs of one small kymograph, written in many ways."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tifffile

from kymflow.core.errors import SourceFileError
from kymflow.core.lab_folder.pixels import Kymograph
from kymflow.core.lab_folder.scale import Scale, decide_scale

Read = Callable[..., Kymograph]

PIXELS = np.arange(80, dtype=np.uint16).reshape(20, 4)
LINES = PIXELS[:, None]
"""Each line a plane of its own."""
GREY = {"photometric": "minisblack"}

OME = (
    '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image>'
    '<Pixels DimensionOrder="XYCZT" Type="uint16" {}>{}</Pixels></Image></OME>'
)
ONE = 'SizeX="4" SizeY="20" SizeC="1" SizeZ="1" SizeT="1"'


def ome(attributes: str = ONE, inside: str = '<TiffData IFD="0"/>') -> dict[str, Any]:
    return {"description": OME.format(attributes, inside), "metadata": None}


def tifffile_bytes(pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, pixels, **options)
    return buffer.getvalue()


def refusal(read: Read, data: bytes | np.ndarray, **options: Any) -> str:
    """Return why a TIFF is refused."""
    with pytest.raises(SourceFileError) as raised:
        read(data, **options)
    assert raised.value.message.isprintable()
    return raised.value.message


def scale_of(found: Kymograph) -> Scale:
    """Return the scale that a TIFF alone tells."""
    return decide_scale(found.claims, found.pixels.shape)
