"""What work over many images tells of itself: progress while it runs, and failures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from kymflow_zarr.errors import DatasetError
from kymflow_zarr.reasons import first_line

Stage = Literal["survey", "extract", "commit", "velocity", "detect", "import"]


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a run over many images, for progress bars, logs and audits.

    Attributes:
        stage: The phase at work.
        done: Images done in this phase.
        total: Images the phase has to do.
    """

    stage: Stage
    done: int
    total: int


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """One image that failed, and why; ``code`` is one of ``kymflow.core.errors.ErrorCode``."""

    image_id: str
    artifact: str | None
    code: str
    message: str

    @classmethod
    def of(cls, image_id: str, error: Exception) -> Failure:
        """Return the failure that an error of one image stands for."""
        if isinstance(error, DatasetError):
            return cls(image_id, error.artifact, error.code, error.message)
        name = type(error).__name__
        why = first_line(error)
        return cls(image_id, None, name, why if why == name else f"{name}: {why}")
