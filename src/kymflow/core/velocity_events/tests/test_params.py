"""Event params: the same hash as ever, only values that make sense, to the artifact and back."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given

from kymflow.core.artifacts.events import DEFAULT_PARAMS
from kymflow.core.artifacts.provenance import params_hash
from kymflow.core.errors import ParamsError
from kymflow.core.velocity_events import EventParams, NanGapParams, ZeroGapParams, param_specs
from kymflow.core.velocity_events.tests import traces


def test_defaults_are_those_of_the_artifact() -> None:
    params = EventParams()
    assert params.to_dict() == DEFAULT_PARAMS
    assert params.hash == params_hash(DEFAULT_PARAMS)
    assert [spec.key for spec in param_specs()] == [
        *(key for key, value in DEFAULT_PARAMS.items() if not isinstance(value, dict)),
        *(f"nan_gap.{key}" for key in DEFAULT_PARAMS["nan_gap"]),
        "zero_gap.eps0",
    ]


@given(traces.params)
def test_params_come_back_from_their_artifact(params: EventParams) -> None:
    assert EventParams.from_dict(params.to_dict()) == params
    assert pickle.loads(pickle.dumps(params)).hash == params.hash


def test_equal_params_have_one_hash() -> None:
    whole = EventParams(mad_k=4, top_k_total=np.int64(2), zero_gap=ZeroGapParams(eps0=0))
    assert whole.hash == EventParams(mad_k=4.0).hash
    assert type(whole.top_k_total) is int


def test_keys_that_an_artifact_lacks_have_their_defaults() -> None:
    params = EventParams.from_dict({"mad_k": 4, "nan_gap": {"enter_frac": 0.5}})
    assert params == EventParams(mad_k=4.0, nan_gap=NanGapParams(enter_frac=0.5))


def test_changes_reach_into_groups_and_leave_the_rest() -> None:
    before = EventParams(smooth_sec=0.3)
    after = before.with_changes({"nan_gap.enter_frac": 0.5, "min_valid_per_side": 7})
    assert after == EventParams(
        smooth_sec=0.3, min_valid_per_side=7, nan_gap=NanGapParams(enter_frac=0.5)
    )
    assert before == EventParams(smooth_sec=0.3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"madk": 3}, "no param 'madk'; did you mean mad_k"),
        ({"nan_gap": {}}, "no param 'nan_gap'"),
        ({"nan_gap.entre_frac": 0.5}, "did you mean nan_gap.enter_frac"),
        ({"win_cmp_sec": 0}, "win_cmp_sec must be a number, above 0 s, not 0"),
        ({"smooth_sec": -0.1}, "smooth_sec must be a number, 0 or more s"),
        ({"mad_k": "3"}, "mad_k must be a number"),
        ({"mad_k": True}, "mad_k must be a number"),
        ({"mad_k": float("nan")}, "mad_k must be a number"),
        ({"mad_k": float("inf")}, "mad_k must be a number"),
        ({"mad_k": 10**400}, "mad_k must be a number"),
        ({"mad_k": None}, "mad_k must be a number"),
        ({"top_k_total": 2.0}, "top_k_total must be a whole number"),
        ({"min_valid_per_side": -1}, r"0 or more samples \(or null\), not -1"),
        ({"nan_gap.enter_frac": 1.5}, "nan_gap.enter_frac must be a number, above 0 to 1"),
        ({"nan_gap.exit_frac": 0.4}, "nan_gap.exit_frac must be below nan_gap.enter_frac"),
    ],
)
def test_values_that_make_no_sense_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        EventParams().with_changes(changes)


@pytest.mark.parametrize(
    "artifact",
    [[], None, {"nan_gap": 3}, {"zero_gap": None}, {"future": 1}, {"zero_gap": {"e": 1}}],
)
def test_artifacts_that_are_no_params_are_refused(artifact: object) -> None:
    with pytest.raises(ParamsError):
        EventParams.from_dict(artifact)


def test_groups_are_of_their_own_kind() -> None:
    with pytest.raises(ParamsError, match="zero_gap must be ZeroGapParams"):
        EventParams(zero_gap={"eps0": 0.0})
