"""Params: frozen, validated values that are also JSON artifacts, each param with its meaning."""

from __future__ import annotations

import difflib
import math
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from numbers import Integral, Real
from typing import Any, Self

from kymflow.core.errors import ParamsError


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
        multiple: What a whole number must be a multiple of.
    """

    key: str
    default: float | int | None
    unit: str
    meaning: str
    high: float = math.inf
    positive: bool = False
    whole: bool = False
    multiple: int = 1

    @property
    def range(self) -> str:
        """Its values in words, such as ``0 or more``."""
        if math.isfinite(self.high):
            return f"{'above ' if self.positive else ''}0 to {self.high:g}"
        return "above 0" if self.positive else "0 or more"

    @property
    def kind(self) -> str:
        """What its values are, in words: ``a number``, ``a multiple of 4``."""
        if self.multiple > 1:
            return f"a multiple of {self.multiple}"
        return "a whole number" if self.whole else "a number"

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
        unit = f" {self.unit}" if self.unit else ""
        null = " (or null)" if self.default is None else ""
        raise ParamsError(
            f"{self.key} must be {self.kind}, {self.range}{unit}{null}, not {value!r}"
        )

    def _holds(self, number: Any) -> bool:
        inside = number > 0 if self.positive else number >= 0
        inside = inside and number <= min(self.high, sys.float_info.max)
        return bool(inside) and (self.multiple == 1 or number % self.multiple == 0)


def param(key: str, default: float | int | None, unit: str, meaning: str, **limits: Any) -> Any:
    """Return the dataclass field of a param.

    Args:
        key: The key of its :class:`ParamSpec`.
        default: Its default.
        unit: Its unit.
        meaning: What it does.
        limits: The other attributes of the spec.
    """
    spec = ParamSpec(key, default, unit, meaning, **limits)
    return field(default=default, metadata={"spec": spec})


@dataclass(frozen=True, slots=True)
class Params:
    """What dataclasses of params have in common; they are frozen too.

    Their fields are params (:func:`param`), or groups of them with the group's class as default
    factory. A whole number given for a float becomes a float, so that equal params have one hash.

    Raises:
        ParamsError: If a value is not one that its param can have.
    """

    def __post_init__(self) -> None:
        for name, spec in _own_specs(type(self)):
            object.__setattr__(self, name, spec.checked(getattr(self, name)))
        for name, group in _groups(type(self)).items():
            if not isinstance(getattr(self, name), group):
                raise ParamsError(f"{name} must be {group.__name__}(…)")

    @classmethod
    def specs(cls) -> list[ParamSpec]:
        """List the params with their values: its own, then those of its groups."""
        own = [spec for _, spec in _own_specs(cls)]
        return own + [spec for group in _groups(cls).values() for spec in group.specs()]

    def to_dict(self) -> dict[str, Any]:
        """Return the params as their artifact holds them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the params that an artifact holds; a key it lacks has its default.

        Raises:
            ParamsError: If it holds an unknown key, or a value that is not in its range.
        """
        given = _checked_object(values, "params")
        groups = {
            name: _built(group, given.get(name, {}), f"{name}.", cls.specs())
            for name, group in _groups(cls).items()
        }
        built: Self = _built(cls, {**given, **groups}, "", cls.specs())
        return built

    def with_changes(self, changes: Mapping[str, Any]) -> Self:
        """Return these params with some values changed.

        Args:
            changes: Values by key; a dot leads into a group: ``{"nan_gap.enter_frac": 0.5}``.

        Raises:
            ParamsError: If a key is unknown, or a value is not in its range.
        """
        values = self.to_dict()
        specs = self.specs()
        known = {spec.key for spec in specs}
        for key, value in changes.items():
            if key not in known:
                raise _unknown(key, specs)
            group, _, name = key.rpartition(".")
            (values[group] if group else values)[name] = value
        return type(self).from_dict(values)


def _own_specs(cls: type[Params]) -> Iterator[tuple[str, ParamSpec]]:
    for each in fields(cls):
        if "spec" in each.metadata:
            yield each.name, each.metadata["spec"]


def _groups(cls: type[Params]) -> dict[str, type[Params]]:
    groups: dict[str, type[Params]] = {}
    for each in fields(cls):
        made_by = each.default_factory
        if isinstance(made_by, type) and issubclass(made_by, Params):
            groups[each.name] = made_by
    return groups


def _built(cls: type, values: object, prefix: str, specs: list[ParamSpec]) -> Any:
    given = _checked_object(values, prefix.removesuffix("."))
    known = {each.name for each in fields(cls)}
    for name in given:
        if name not in known:
            raise _unknown(f"{prefix}{name}", specs)
    return cls(**given)


def _checked_object(values: object, name: str) -> Mapping[str, Any]:
    if isinstance(values, Mapping):
        return values
    raise ParamsError(f"{name} must be an object, not {values!r}")


def _unknown(key: str, specs: list[ParamSpec]) -> ParamsError:
    known = [spec.key for spec in specs]
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
    return ParamsError(f"there is no param {key!r}; {hint}")
