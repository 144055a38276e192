"""The params of event detection: a frozen, validated value that is also the params artifact."""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from numbers import Integral, Real
from typing import Any

from kymflow.core.artifacts.events import DEFAULT_PARAMS
from kymflow.core.errors import ParamsError
from kymflow.core.kym_dataset.provenance import params_hash


@dataclass(frozen=True, slots=True)
class ParamSpec:
    """What one param is.

    Attributes:
        key: Its name; a dot leads into a group: ``nan_gap.enter_frac``.
        default: Its default; where that is None, None is a value too.
        unit: Its unit, empty where it has none.
        meaning: What it does.
        high: Its greatest value; the least is 0.
        positive: Whether it must be more than 0.
        whole: Whether it is a whole number.
    """

    key: str
    default: float | int | None
    unit: str
    meaning: str
    high: float = math.inf
    positive: bool = False
    whole: bool = False

    @property
    def range(self) -> str:
        """Its values in words, such as ``0 or more``."""
        if math.isfinite(self.high):
            return f"{'above ' if self.positive else ''}0 to {self.high:g}"
        return "above 0" if self.positive else "0 or more"

    def checked(self, value: Any) -> float | int | None:
        """Return a value as a Python float, int or None.

        Raises:
            ParamsError: If the param can't have it.
        """
        if value is None and self.default is None:
            return None
        number = isinstance(value, Integral if self.whole else Real) and not isinstance(value, bool)
        if number and self._holds(value):
            return int(value) if self.whole else float(value)
        kind = "a whole number" if self.whole else "a number"
        unit = f" {self.unit}" if self.unit else ""
        null = " (or null)" if self.default is None else ""
        raise ParamsError(f"{self.key} must be {kind}, {self.range}{unit}{null}, not {value!r}")

    def _holds(self, number: Any) -> bool:
        inside = number > 0 if self.positive else number >= 0
        return bool(inside and number <= min(self.high, sys.float_info.max))


def _param(key: str, unit: str, meaning: str, **limits: Any) -> Any:
    default: Any = DEFAULT_PARAMS
    for part in key.split("."):
        default = default[part]
    return field(
        default=default, metadata={"spec": ParamSpec(key, default, unit, meaning, **limits)}
    )


@dataclass(frozen=True, slots=True)
class NanGapParams:
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
        _check_fields(self)
        if not self.exit_frac < self.enter_frac:
            raise ParamsError(
                f"nan_gap.exit_frac must be below nan_gap.enter_frac ({self.enter_frac}), "
                f"not {self.exit_frac}"
            )


@dataclass(frozen=True, slots=True)
class ZeroGapParams:
    """When velocities count as zero."""

    eps0: float = _param(
        "zero_gap.eps0", "mm/s", "speeds up to this count as zero; 0 takes exact zeros alone"
    )

    def __post_init__(self) -> None:
        _check_fields(self)


@dataclass(frozen=True, slots=True)
class EventParams:
    """The params of event detection; the defaults are those of ``DEFAULT_PARAMS``.

    :func:`param_specs` tells each one's unit, range, default and meaning, as docs/events.md does.
    A whole number given for a float becomes a float, so that equal params have one hash.

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

    def __post_init__(self) -> None:
        _check_fields(self)
        for name, kind in _GROUPS.items():
            if not isinstance(getattr(self, name), kind):
                raise ParamsError(f"{name} must be {kind.__name__}(…)")

    @property
    def hash(self) -> str:
        """The params_hash of the artifact."""
        return params_hash(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the params as their artifact holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> EventParams:
        """Return the params that an artifact holds; a key it lacks has its default.

        Raises:
            ParamsError: If it holds an unknown key, or a value that is not in its range.
        """
        _check_object(values, "params")
        groups = {name: _built(kind, values.get(name, {}), name) for name, kind in _GROUPS.items()}
        whole: EventParams = _built(cls, {**values, **groups})
        return whole

    def with_changes(self, changes: Mapping[str, Any]) -> EventParams:
        """Return these params with some values changed.

        Args:
            changes: Values by key; a dot leads into a group: ``{"nan_gap.enter_frac": 0.5}``.

        Raises:
            ParamsError: If a key is unknown, or a value is not in its range.
        """
        values = self.to_dict()
        known = {spec.key for spec in param_specs()}
        for key, value in changes.items():
            if key not in known:
                raise _unknown(key)
            group, _, name = key.rpartition(".")
            (values[group] if group else values)[name] = value
        return type(self).from_dict(values)


_GROUPS: dict[str, type] = {"nan_gap": NanGapParams, "zero_gap": ZeroGapParams}


def param_specs() -> list[ParamSpec]:
    """Return what each param is, in the order of the artifact."""
    return [spec for cls in (EventParams, *_GROUPS.values()) for _, spec in _specs(cls)]


def _specs(cls: type) -> Iterator[tuple[str, ParamSpec]]:
    for each in fields(cls):
        if "spec" in each.metadata:
            yield each.name, each.metadata["spec"]


def _check_fields(params: Any) -> None:
    for name, spec in _specs(type(params)):
        object.__setattr__(params, name, spec.checked(getattr(params, name)))


def _built(cls: type, values: object, group: str = "") -> Any:
    given = _check_object(values, group)
    known = {each.name for each in fields(cls)}
    for name in given:
        if name not in known:
            raise _unknown(f"{group}.{name}" if group else name)
    return cls(**given)


def _check_object(values: object, name: str) -> Mapping[str, Any]:
    if isinstance(values, Mapping):
        return values
    raise ParamsError(f"{name} must be an object, not {values!r}")


def _unknown(key: str) -> ParamsError:
    known = [spec.key for spec in param_specs()]
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return ParamsError(f"there is no param {key!r}; {hint}")
