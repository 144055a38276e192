from __future__ import annotations

import warnings
from contextlib import nullcontext

import duckdb
import polars as pl
import pytest

from kymflow.core.errors import CodeChangedWarning
from kymflow.core.kym_dataset import KymDataset, VelocityEventIndexer
from kymflow.core.kym_dataset.ledger import Ledger
from kymflow.core.kym_dataset.update import extract as extract_module
from kymflow.core.kym_dataset.update.fingerprint import code_fingerprint
from kymflow_zarr import (
    ArtifactNotFoundError,
    ArtifactSchemaError,
    ArtifactUnreadableError,
    TableError,
    TableUnreadableError,
)

EVENTS = VelocityEventIndexer()
TABLE = "kym_velocity_events"


@pytest.fixture
def kym(dataset, add_image) -> KymDataset:
    for image_id in "abc":
        add_image(image_id, 2)
    kym = KymDataset(dataset)
    kym.update_index(EVENTS)
    return kym


def damage(kym: KymDataset, image_id: str, kind: str) -> None:
    record = kym.dataset.record(image_id)
    events = record.artifact_path("velocity_events/events", ".parquet")
    if kind == "missing":
        events.unlink()
    elif kind == "corrupt":
        events.write_bytes(events.read_bytes()[:50])
    elif kind == "schema":
        record.save_df_parquet("velocity_events/events", pl.DataFrame({"t_start_s": ["soon"]}))
    elif kind == "fractions":
        record.save_df_parquet("velocity_events/events", pl.DataFrame({"roi_id": [1.5]}))
    elif kind == "params":
        record.artifact_path("velocity_events/params", ".json").write_text('{"mad_k": NaN}')
    elif kind == "params-list":
        record.save_json("velocity_events/params", [1])


KINDS = {
    "missing": ArtifactNotFoundError,
    "corrupt": ArtifactUnreadableError,
    "schema": ArtifactSchemaError,
    "fractions": ArtifactSchemaError,
    "params": ArtifactSchemaError,
    "params-list": ArtifactSchemaError,
}


@pytest.mark.wide
@pytest.mark.parametrize("kind", KINDS)
def test_one_bad_image_fails_alone_and_keeps_its_rows(kym, add_image, kind: str) -> None:
    old = kym.dataset.load_table(TABLE).filter(pl.col("image_id") == "b")
    damage(kym, "b", kind)
    add_image("d", 1)
    report = kym.update_index(EVENTS, on_error="record")
    assert (report.updated, report.failed) == (3, 1)
    failure = report.failures[0]
    assert failure.image_id == "b"
    assert failure.artifact in ("velocity_events/events", "velocity_events/params")
    assert failure.code == KINDS[kind].code
    rows = kym.dataset.load_table(TABLE)
    assert rows.filter(pl.col("image_id") == "b").equals(old)
    runs = kym.sql(f"SELECT status, error FROM {TABLE}_runs WHERE image_id = 'b'").row(0)
    assert runs == ("failed", failure.message)
    verdict = kym.staleness(EVENTS).filter(pl.col("image_id") == "b").row(0)
    assert verdict == ("b", "update", "failed", 2)


@pytest.mark.long
def test_a_mended_image_is_made_anew(kym, set_events) -> None:
    damage(kym, "b", "corrupt")
    kym.update_index(EVENTS, on_error="record")
    set_events(kym.dataset.record("b"), 5)
    report = kym.update_index(EVENTS, mode="incremental")
    assert (report.updated, report.skipped, report.rows) == (1, 2, 9)


@pytest.mark.long
def test_raise_commits_what_was_done_before(kym, add_image, monkeypatch) -> None:
    monkeypatch.setattr(extract_module, "BATCH", 1)
    for image_id in "def":
        add_image(image_id, 1)
    damage(kym, "e", "corrupt")
    with pytest.raises(ArtifactUnreadableError, match="image_id e"):
        kym.update_index(EVENTS, mode="incremental")
    assert set(kym.dataset.load_table(TABLE)["image_id"]) == set("abcd")
    assert kym.last_update_stats.failed == 1
    assert kym.staleness(EVENTS)["reason"].to_list() == [
        *["fresh"] * 4,
        "failed",
        "missing",
    ]


class Stumbling(VelocityEventIndexer):
    """An indexer with a bug of its own, met at the third image."""

    params_hashes = None
    extract_batch = None

    def extract_rows(self, rec):
        if rec.image_id == "c":
            raise ZeroDivisionError
        return pl.DataFrame({"roi_id": [1]})


@pytest.mark.parametrize("on_error", ["raise", "record"])
def test_any_other_error_propagates_with_the_image_noted(kym, on_error: str) -> None:
    before = kym.dataset.load_table(TABLE)
    with pytest.raises(ZeroDivisionError) as caught:
        kym.update_index(Stumbling(), on_error=on_error)
    assert any("image_id c" in note for note in caught.value.__notes__)
    assert kym.dataset.load_table(TABLE).equals(before)


@pytest.mark.long
def test_never_analysed_images_have_no_rows_until_they_are(dataset, add_image, set_events) -> None:
    record = add_image("a")
    record.delete_analysis()
    kym = KymDataset(dataset)
    assert kym.update_index(EVENTS, on_error="record").failed == 0
    assert kym.staleness(EVENTS)["reason"].to_list() == ["never_analysed"]
    set_events(record, 2)
    assert kym.staleness(EVENTS)["reason"].to_list() == ["params_changed"]
    record.save_json("velocity_events/params", dict(EVENTS.default_params))
    kym.update_index(EVENTS, mode="incremental")
    record.artifact_path("velocity_events/params", ".json").unlink()
    assert kym.staleness(EVENTS)["reason"].to_list() == ["fresh"]


class Before(VelocityEventIndexer):
    aliases = {}  # noqa: RUF012


class After(VelocityEventIndexer):
    """The same with other code."""

    aliases = {"a": "b"}  # noqa: RUF012


@pytest.mark.long
def test_changed_code_of_the_same_version_is_said_once(dataset, add_image) -> None:
    add_image("a")
    kym = KymDataset(dataset)
    kym.update_index(Before())
    for look in (
        lambda: kym.staleness(After()),
        lambda: kym.update_index(After(), mode="incremental"),
    ):
        with pytest.warns(CodeChangedWarning, match="code changed, version did not") as caught:
            look()
        assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kym.update_index(After())
        kym.update_index(After(), mode="incremental")


def test_code_that_ships_with_kymflow_has_its_version_alone(dataset, add_image) -> None:
    assert code_fingerprint(EVENTS) is None
    assert code_fingerprint(Before()) is not None
    add_image("a")
    kym = KymDataset(dataset)
    kym.update_index(EVENTS)
    ledger = Ledger(dataset, TABLE)
    runs = ledger.load().with_columns(code_hash=pl.lit("of an older kymflow"))
    dataset.tables.commit([ledger.recording(runs, runs)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert kym.staleness(EVENTS)["reason"].to_list() == ["fresh"]


def test_failed_images_were_indexed_by_no_code(dataset, add_image) -> None:
    add_image("a")
    add_image("b").artifact_path("velocity_events/events", ".parquet").write_bytes(b"")
    kym = KymDataset(dataset)
    kym.update_index(Before(), on_error="record")
    with pytest.warns(CodeChangedWarning, match=": 1 images were indexed by other code"):
        kym.staleness(After())


def test_fingerprint_ignores_comments_and_docstrings(tmp_path, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    base = "LIMIT = {limit}\ndef used(): return LIMIT\ndef unused(): return {unused}\n"
    body = "class It:\n    {comment}\n    def go(self):\n        return used()\n"
    prints = {}
    for name, limit, unused, comment in (
        ("one", 1, 1, "'''doc'''"),
        ("two", 1, 2, "# said otherwise"),
        ("three", 2, 1, "'''doc'''"),
    ):
        text = base.format(limit=limit, unused=unused) + body.format(comment=comment)
        (tmp_path / f"code_{name}.py").write_text(text)
        prints[name] = code_fingerprint(__import__(f"code_{name}").It())
    assert prints["one"] == prints["two"] != prints["three"]


@pytest.mark.long
def test_explain_says_which_keys_changed(kym) -> None:
    kym.dataset.record("b").save_json("velocity_events/params", {"mad_k": 4.0, "new": {"x": 1}})
    why = kym.explain(EVENTS, "b")
    assert why.reason == "params_changed"
    assert [str(change) for change in why.changes] == ["mad_k: 3.0 → 4.0", "new.x: — → 1"]
    assert "mad_k: 3.0 → 4.0" in str(why)
    damage(kym, "c", "corrupt")
    kym.update_index(EVENTS, on_error="record")
    assert "can't be read" in kym.explain(EVENTS, "c").error


def test_too_little_memory_is_not_taken_for_a_damaged_table(kym, monkeypatch, plain_files) -> None:
    scarce = duckdb.connect(config={"memory_limit": "64KB", "temp_directory": ""})
    monkeypatch.setattr(
        "kymflow_zarr.tables.parquet.tables.engine_connection", lambda folder: nullcontext(scarce)
    )
    with pytest.raises(TableError, match="too little memory") as caught:
        kym.staleness(EVENTS, verify=True)  # else the ledger's word would do
    assert not isinstance(caught.value, TableUnreadableError)
