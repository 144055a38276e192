"""The params of event detection: a frozen, validated value that is also the params artifact."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from kymflow.core.artifacts.events import DEFAULT_PARAMS
from kymflow.core.artifacts.params import Params, ParamSpec, param
from kymflow.core.artifacts.provenance import params_hash
from kymflow.core.errors import ParamsError

__all__ = ["EventParams", "NanGapParams", "ParamSpec", "ZeroGapParams", "param_specs"]


def _param(key: str, unit: str, meaning: str, **limits: Any) -> Any:
    default: Any = DEFAULT_PARAMS
    for part in key.split("."):
        default = default[part]
    return param(key, default, unit, meaning, **limits)


@dataclass(frozen=True, slots=True)
class NanGapParams(Params):
    """When missing velocities are a gap; zero gaps are found with the same."""

    nan_win_sec: float = _param(
        "nan_gap.nan_win_sec",
        "s",
        "width of the window in which the fraction of missing samples is taken; wider bridges "
        "more single samples",
    )
    enter_frac: float = _param(
        "nan_gap.enter_frac",
        "",
        "fraction of missing samples at which a gap begins; lower finds sparser gaps",
        high=1.0,
        positive=True,
    )
    exit_frac: float = _param(
        "nan_gap.exit_frac",
        "",
        "fraction at which it ends, below enter_frac; lower makes gaps longer",
        high=1.0,
    )
    min_duration_sec: float = _param(
        "nan_gap.min_duration_sec", "s", "gaps shorter than this are left out"
    )
    merge_gap_sec: float = _param(
        "nan_gap.merge_gap_sec", "s", "gaps no further apart than this become one"
    )

    def __post_init__(self) -> None:
        Params.__post_init__(self)  # slots make a new class, which super() does not know
        if not self.exit_frac < self.enter_frac:
            raise ParamsError(
                f"nan_gap.exit_frac must be below nan_gap.enter_frac ({self.enter_frac}), "
                f"not {self.exit_frac}"
            )


@dataclass(frozen=True, slots=True)
class ZeroGapParams(Params):
    """When velocities count as zero."""

    eps0: float = _param(
        "zero_gap.eps0", "mm/s", "speeds up to this count as zero; 0 takes exact zeros alone"
    )


@dataclass(frozen=True, slots=True)
class EventParams(Params):
    """The params of event detection; the defaults are those of ``DEFAULT_PARAMS``.

    :func:`param_specs` tells each one's unit, range, default and meaning, as docs/events.md does.

    Raises:
        ParamsError: If a value is not a number in its range.
    """

    win_cmp_sec: float = _param(
        "win_cmp_sec",
        "s",
        "length of the windows before and after a sample whose median speeds are compared; longer "
        "than a heartbeat hides the pulse, longer than a stall hides the stall",
        positive=True,
    )
    smooth_sec: float = _param(
        "smooth_sec",
        "s",
        "width of the moving median that finds where an event begins; it does not decide whether "
        "there is one",
    )
    min_valid_per_side: int | None = _param(
        "min_valid_per_side",
        "samples",
        "finite samples that each window needs for a score; null or 0: a fifth of the window, at "
        "least 10",
        whole=True,
    )
    mad_k: float = _param(
        "mad_k",
        "",
        "threshold in robust standard deviations (1.4826 times the median absolute deviation) of "
        "the score; lower finds weaker events",
    )
    abs_score_floor: float = _param(
        "abs_score_floor",
        "mm/s",
        "the least threshold, so that a quiet trace does not turn its noise into events",
    )
    merge_gap_sec: float = _param(
        "merge_gap_sec",
        "s",
        "stretches beyond the threshold no further apart than this are one event",
    )
    top_k_total: int = _param(
        "top_k_total",
        "events",
        "with fewer drops than this, the deepest falls short of the threshold are drops too, up "
        "to this many; 0 turns it off",
        whole=True,
    )
    min_sep_sec: float = _param(
        "min_sep_sec", "s", "how far those further drops are apart from one another"
    )
    nan_gap: NanGapParams = field(default_factory=NanGapParams)
    zero_gap: ZeroGapParams = field(default_factory=ZeroGapParams)

    @property
    def hash(self) -> str:
        """The params_hash of the artifact."""
        return params_hash(self.to_dict())


def param_specs() -> list[ParamSpec]:
    """List the params with their values, in the order of the artifact."""
    return EventParams.specs()
