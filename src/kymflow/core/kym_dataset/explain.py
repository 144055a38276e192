"""Answer "why is this stale?" for one image, down to the params key."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

ABSENT = "—"


@dataclass(frozen=True, slots=True)
class ParamChange:
    """One params key that differs; ``old`` or ``new`` is None where the key is absent or null.

    Attributes:
        key: The key; a dot leads into a nested object.
        old: Its JSON text in the params that the rows were made with.
        new: Its JSON text now.
    """

    key: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        return f"{self.key}: {self.old or ABSENT} → {self.new or ABSENT}"


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why an image is fresh or stale.

    Attributes:
        image_id: The image.
        action: ``skip``, ``update`` or ``prune``.
        reason: The reason, as in ``KymDataset.staleness``.
        n_rows: Its rows in the table.
        changes: The params keys that changed, where both sides are known.
        old_version: The analysis_version of its last run, if any.
        new_version: The analysis_version now.
        error: The last failure's message, if the last run failed.
    """

    image_id: str
    action: str
    reason: str
    n_rows: int
    changes: tuple[ParamChange, ...]
    old_version: str | None
    new_version: str
    error: str | None

    def __str__(self) -> str:
        lines = [f"{self.image_id}: {self.action}, {self.reason} ({self.n_rows} rows)"]
        lines += [f"  {change}" for change in self.changes]
        if self.old_version and self.old_version != self.new_version:
            lines.append(f"  analysis_version: {self.old_version} → {self.new_version}")
        if self.error:
            lines.append(f"  last error: {self.error}")
        return "\n".join(lines)


def explain(
    verdict: Mapping[str, Any],
    rows: pl.DataFrame,
    runs: pl.DataFrame,
    texts: Mapping[str, str],
    new_version: str,
    new_params: object,
    error: str | None,
) -> Explanation:
    """Explain one image's verdict.

    Args:
        verdict: Its row of the decision.
        rows: The distinct (params_hash, analysis_version) of its rows in the table.
        runs: Its last run, if the ledger knows one.
        texts: The canonical params JSON behind every hash ever used.
        new_version: The indexer's version now.
        new_params: Its params now, in canonical JSON terms; ``...`` where unknown.
        error: Why its params can't be read now, if so.
    """
    last = runs.row(0, named=True) if runs.height else {}
    made_with = rows.row(0, named=True) if rows.height == 1 else last
    old = texts.get(made_with.get("params_hash", ""))
    known = old is not None and new_params is not ...
    changes = param_changes(json.loads(old), new_params) if old is not None and known else ()
    return Explanation(
        image_id=verdict["image_id"],
        action=verdict["action"],
        reason=verdict["reason"],
        n_rows=verdict["n_rows"],
        changes=tuple(changes),
        old_version=made_with.get("analysis_version"),
        new_version=new_version,
        error=error or last.get("error"),
    )


def param_changes(old: object, new: object) -> Iterator[ParamChange]:
    """Yield the keys in which two params differ, sorted."""
    before, after = dict(_flat(old)), dict(_flat(new))
    for key in sorted({**before, **after}):
        if before.get(key) != after.get(key):
            yield ParamChange(key, before.get(key), after.get(key))


def _flat(value: object, prefix: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{prefix}.{key}" if prefix else key)
    elif value is not None or prefix:
        yield prefix or "params", json.dumps(value, ensure_ascii=False)
