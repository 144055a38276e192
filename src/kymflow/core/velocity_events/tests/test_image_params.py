"""Params that an image has of its own."""

from __future__ import annotations

import pytest

from kymflow.core.errors import ParamsError
from kymflow.core.velocity_events import EventParams, diff_params, get_params, set_params
from kymflow.core.velocity_events.tests.conftest import flow
from kymflow_zarr import (
    ArtifactNotFoundError,
    ArtifactSchemaError,
    ImageNotFoundError,
    ReadOnlyError,
    ZarrDataset,
)

PARAMS = "velocity_events/params"


def test_params_are_set_and_read(dataset, add_trace) -> None:
    record = add_trace("a", flow())
    assert get_params(record) == EventParams()
    changed = set_params(record, {"mad_k": 4, "nan_gap.exit_frac": 0.1})
    assert [str(change) for change in changed] == [
        "mad_k: 3.0 → 4.0",
        "nan_gap.exit_frac: 0.2 → 0.1",
    ]
    assert get_params(record) == EventParams.from_dict(record.load_json(PARAMS))
    assert record.load_json(PARAMS)["mad_k"] == 4.0
    assert diff_params(EventParams(), get_params(record)) == changed


def test_setting_what_is_set_writes_nothing(dataset, add_trace) -> None:
    record = add_trace("a", flow())
    assert set_params(record, {"mad_k": 3}) == []
    assert record.list_analysis_keys() == ["velocity/trace.parquet"]


def test_gzipped_params_are_read_too(dataset, add_trace) -> None:
    import gzip

    record = add_trace("a", flow())
    path = record.artifact_path(PARAMS, ".json.gz")
    path.parent.mkdir()
    path.write_bytes(gzip.compress(b'{"mad_k": 4.5}'))
    assert get_params(record) == EventParams(mad_k=4.5)
    path.write_bytes(gzip.compress(b'{"made_k": 4.5}'))
    with pytest.raises(ArtifactSchemaError, match="did you mean mad_k"):
        get_params(record)


@pytest.mark.parametrize("content", ["[1]", '{"mad_k": "high"}', '{"mad_k": 1, "mad_k": 2}', "{"])
def test_params_that_can_not_be_used_name_their_file(dataset, add_trace, content: str) -> None:
    record = add_trace("a", flow())
    record.save_json(PARAMS, {})
    record.artifact_path(PARAMS, ".json").write_text(content)
    for use in (get_params, lambda rec: set_params(rec, {"mad_k": 4})):
        with pytest.raises(ArtifactSchemaError, match="can't be used") as caught:
            use(record)
        assert (caught.value.image_id, caught.value.artifact) == ("a", PARAMS)
    assert record.artifact_path(PARAMS, ".json").read_text() == content


def test_what_can_not_be_set_is_refused(dataset, add_trace, add_image) -> None:
    record = add_trace("a", flow())
    with pytest.raises(ParamsError):
        set_params(record, {"mad_k": -1})
    with pytest.raises(ImageNotFoundError):
        set_params(dataset.record("z"), {"mad_k": 1})
    with pytest.raises(ArtifactNotFoundError, match="no trace"):
        set_params(add_image("b"), {"mad_k": 4})
    with pytest.raises(ReadOnlyError):
        set_params(ZarrDataset(dataset.path, mode="r").record("a"), {"mad_k": 4})
    assert record.list_analysis_keys() == ["velocity/trace.parquet"]
