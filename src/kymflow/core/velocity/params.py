"""The params of velocity from pixels."""

from __future__ import annotations

from dataclasses import dataclass

from kymflow.core.artifacts.params import Params, param
from kymflow.core.artifacts.provenance import params_hash


@dataclass(frozen=True, slots=True)
class VelocityParams(Params):
    """The params of velocity from pixels.

    ``VelocityParams.specs()`` tells each one's unit, range, default and meaning, as
    docs/velocity.md does.

    Raises:
        ParamsError: If a value is not one that its param can have.
    """

    window_lines: int = param(
        "window_lines",
        16,
        "lines",
        "lines that one velocity is measured in; a quarter of them from one velocity to the next. "
        "More tell slower and noisier flow, fewer tell faster changes",
        positive=True,
        whole=True,
        multiple=4,
    )
    min_quality: float = param(
        "min_quality",
        0.0,
        "",
        "velocities of a lower quality become NaN; 0 keeps all",
        high=1.0,
    )

    @property
    def hash(self) -> str:
        """The params_hash of the artifact."""
        return params_hash(self.to_dict())
