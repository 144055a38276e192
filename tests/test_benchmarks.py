"""The benchmark suite works: it measures what it says, and all contestants end alike. No times."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from benchmarks import child, commits, engine, floors, overhead, rivals, velocity, views
from benchmarks.cases import BY_NAME, CASES, Phase
from benchmarks.compare import compare, comparison
from benchmarks.decision import Decision
from benchmarks.report import goals_table, results_table, write_page
from benchmarks.results import Measurement, Results, Settings
from benchmarks.runner import Runner
from benchmarks.summary import summarize
from benchmarks.work import Work
from benchmarks.workload import ONE_PERCENT_TOGETHER, Change, Workload
from kymflow.core.artifacts.schemas import EVENT_SCHEMA
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow_zarr import MissingExtraError, ZarrDataset

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"
TABLE = "kym_velocity_events"
SOME = Change(0.1)


@pytest.fixture
def workload(tmp_path: Path) -> Workload:
    made = Workload(tmp_path / "workload", images=60, rows=6)
    made.make()
    return made


def results(repetitions: dict[tuple[str, int, str], list[float]], peak: float = 1.0) -> Results:
    return Results(
        machine={"date": "2025-07-22", "revision": "abc", "ram_gb": 8.0, "cores": 2},
        settings=Settings((1_000, 100_000), rows=20, repeats=3, budget_s=120),
        measurements=[
            Measurement(*key, seconds=seconds, peak_mb=[peak] * len(seconds))
            for key, seconds in repetitions.items()
        ],
    )


BUILDS = {("full-build", images, who) for images in (8, 40) for who in ("kymflow", "floor")}
CHANGES = {("changed", 40, who) for who in ("kymflow", "floor")}
RIVAL = {(case, 40, "polars") for case in ("full-build", "changed")}


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "measured", "titles"),
    [
        (["full-build", "--rivals"], BUILDS, ["| Full build "]),
        (
            ["full-build", "changed", "--rivals", "polars"],
            BUILDS | CHANGES | RIVAL,
            ["| Full build ", "| 1 % changed, anywhere ", "| polars × |"],
        ),
    ],
    ids=["one case", "two cases and a rival"],
)
def test_a_small_run_measures_prints_and_draws(
    tmp_path: Path, arguments: list[str], measured: set[tuple[str, int, str]], titles: list[str]
) -> None:
    command = [
        *(sys.executable, "-m", "benchmarks", "run", "--images", "40", "--rows", "5"),
        *("--repeats", "1", "--cases", *arguments),
        *("--scratch", tmp_path, "--out", tmp_path / "out.json", "--plots", tmp_path / "plots"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = Results.load(tmp_path / "out.json")
    assert {(m.case, m.images, m.who) for m in found.measurements} == measured
    for measurement in found.measurements:
        assert measurement.skipped is None
        assert min(*measurement.seconds, *measurement.peak_mb) > 0
    assert found.machine["polars"] == pl.__version__
    text = (tmp_path / "out.json").read_text()
    assert str(tmp_path) not in text
    assert socket.gethostname() not in text
    for words in titles:
        assert words in done.stdout
    plots = {path.name: path.stat().st_size for path in (tmp_path / "plots").iterdir()}
    assert plots.keys() == {"time.svg", "time.png", "ratio.svg", "ratio.png"}
    assert min(plots.values()) > 5_000


@pytest.mark.long
def test_every_rival_keeps_the_table_that_kymflow_keeps(workload: Workload) -> None:
    kym = KymDataset(ZarrDataset(workload.dataset, mode="a"))

    def all_agree() -> pl.DataFrame:
        kym.update_index(VelocityEventIndexer(), mode="incremental")
        expected = in_order(kym.dataset.load_table(TABLE))
        for name in rivals.CLASSES:
            rivals.update(workload.folder, name).run()
            kept = rivals.make_rival(name, rivals.home(workload.folder, name)).rows()
            assert_frame_equal(in_order(kept), expected)
        return expected

    first = all_agree()
    assert_frame_equal(all_agree(), first)
    workload.apply(SOME)
    changed = all_agree()
    moved = {i for i in workload.ids if rows_of(first, i).rows() != rows_of(changed, i).rows()}
    assert moved == set(workload.changed_ids(SOME))
    for image_id in workload.ids[:20]:
        shutil.rmtree(workload.dataset / "images" / image_id)
    assert set(all_agree()["image_id"]) <= set(workload.ids[20:])


def in_order(rows: pl.DataFrame) -> pl.DataFrame:
    schema = {
        **dict.fromkeys(("image_id", "params_hash", "analysis_version"), pl.String()),
        **EVENT_SCHEMA,
    }
    typed = rows.select(pl.col(name).cast(dtype) for name, dtype in schema.items())
    return typed.sort("image_id", "event_id")


def rows_of(rows: pl.DataFrame, image_id: str) -> pl.DataFrame:
    return rows.filter(pl.col("image_id") == image_id)


def test_a_rival_that_forgot_to_update_is_found_out(workload: Workload) -> None:
    def answer() -> str:
        work = rivals.update(workload.folder, "polars")
        assert work.answer is not None
        return work.answer(work.run())

    first = answer()
    assert answer() == first
    workload.apply(SOME)
    assert answer() != first


def test_a_workload_is_the_same_each_time_and_can_be_put_back(workload: Workload, tmp_path) -> None:
    def files() -> dict[str, bytes]:
        images = workload.dataset / "images"
        return {str(p.relative_to(images)): p.read_bytes() for p in images.rglob("*.*")}

    first = files()
    workload.apply(ONE_PERCENT_TOGETHER)
    changed = {path.split("/")[0] for path, data in files().items() if data != first[path]}
    assert changed == set(workload.changed_ids(ONE_PERCENT_TOGETHER))
    Workload(workload.folder, workload.images, workload.rows).make()
    assert files() == first
    shutil.rmtree(workload.folder)
    workload.make()
    assert files() == first


def test_neighbours_are_neighbours(tmp_path: Path) -> None:
    large = Workload(tmp_path, images=1_000, rows=20)
    together = large.changed_ids(ONE_PERCENT_TOGETHER)
    start = sorted(large.ids).index(together[0])
    assert sorted(large.ids)[start : start + 10] == together


@pytest.mark.long
def test_a_workload_is_like_real_data(tmp_path: Path) -> None:
    workload = Workload(tmp_path, images=600, rows=20)
    workload.make()
    dataset = ZarrDataset(workload.dataset, mode="a")
    kym = KymDataset(dataset)
    kym.update_index(VelocityEventIndexer())
    runs = kym.sql(f"SELECT n_rows, params_hash FROM {TABLE}_runs")
    assert runs["n_rows"].mean() == pytest.approx(20, rel=0.15)
    assert (runs["n_rows"] == 0).mean() == pytest.approx(0.03, abs=0.025)
    assert runs["params_hash"].n_unique() == 8
    assert set(EVENT_SCHEMA) <= set(dataset.load_table(TABLE).columns)
    kym.update_index(ImageIndexer())
    images = dataset.load_table("kym_images")
    assert images["source_path"].n_unique() == images.height == 600
    assert images["condition"].n_unique() == 5
    params = dataset.record(workload.ids[0]).artifact_path("velocity_events/params", ".json")
    assert list(json.loads(params.read_text())) != sorted(json.loads(params.read_text()))


def test_every_phase_named_by_a_case_exists() -> None:
    for case in CASES:
        for phase in (case.ours, *case.floor):
            module, function = phase.function.split(":")
            assert callable(getattr(import_module(f"benchmarks.{module}"), function))


def test_a_rival_over_its_budget_is_left_out_and_the_table_says_so(tmp_path: Path) -> None:
    python = Phase("startup:bare_python")
    case = replace(BY_NAME["full-build"], ours=python, floor=(python,), place="nothing")
    runner = Runner(tmp_path, Settings((20, 200), 5, 1, budget_s=0.01), ["pandas"])
    small, large = (runner.measure(case, images)[-1] for images in (20, 200))
    assert (small.who, small.skipped) == ("pandas", "stopped after 0.01 s")
    assert large.skipped is not None
    assert "would take about 0.1 s, more than the budget of 0.01 s" in large.skipped
    held = results({("full-build", 20, "kymflow"): [1.0]})
    held.measurements.append(small)
    assert "- Full build, 20 images, pandas: stopped after 0.01 s" in results_table(held)


def test_the_decision_sees_every_reason_it_is_timed_with(tmp_path: Path) -> None:
    made = Decision(tmp_path, images=5_000)
    made.make()
    decision = engine.decide(tmp_path).run()
    counts = dict(decision.group_by("reason").len().iter_rows())
    assert counts.keys() == {"fresh", "fresh_zero_rows", "params_changed", "missing", "deleted"}
    assert counts["params_changed"] == pytest.approx(50, rel=0.4)
    assert counts["fresh_zero_rows"] == pytest.approx(150, rel=0.3)
    floors.group_by_image(tmp_path).run()


@pytest.mark.long
def test_a_commit_to_a_lake_and_to_one_file_end_alike(tmp_path: Path) -> None:
    made = commits.Commits(tmp_path, images=200, rows=5)
    made.make()
    if not (tmp_path / "made" / "ducklake").exists():
        pytest.skip("DuckDB has no extension ducklake here")
    answers = set()
    for kind, concerned in (("percent", 2), ("one", 1)):
        for commit, home in ((commits.in_lake, "ducklake"), (commits.in_one_file, "parquet")):
            made.restore()
            work = commit(tmp_path, kind)
            for times in range(1, 1 + commits.CHANGES):
                work.run()
                rows = ZarrDataset(tmp_path / "now" / home, mode="a").load_table(TABLE)
                changed = rows.filter(pl.col("params_hash") != rows["params_hash"].mode()[0])
                assert (rows.height, changed.height) == (1_000, 5 * concerned * times)
            assert work.answer is not None
            answers.add(work.answer(None))
    assert len(answers) == 2
    assert ZarrDataset(tmp_path / "made" / "ducklake", mode="a").list_table_names() == [TABLE]


def test_a_lake_that_cant_be_had_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise MissingExtraError("no extension")

    monkeypatch.setattr("kymflow_zarr.tables.convert.convert", refuse)
    made = commits.Commits(tmp_path, images=20, rows=2)
    made.make()
    made.restore()
    commits.in_one_file(tmp_path, "one").run()
    reply = child.run(child.Request("commits:in_lake", "one", str(tmp_path), 1))
    assert reply.unavailable is not None
    assert "kymflow[ducklake]" in reply.unavailable


@pytest.mark.long
def test_kymflow_and_bare_duckdb_answer_alike(workload: Workload) -> None:
    KymDataset(ZarrDataset(workload.dataset, mode="a")).update_index(VelocityEventIndexer())
    for case in CASES:
        if case.ours.function == "engine:query":
            name = case.ours.argument
            ours, bare = engine.query(workload.folder, name), floors.query(workload.folder, name)
            assert_frame_equal(ours.run(), bare.run(), check_row_order=False)
            assert not ours.run().is_empty()


def test_a_part_of_the_work_counts_for_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = ModuleType("benchmarks.partly")
    module.phase = lambda place: Work(lambda: None, fraction=0.25)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "benchmarks.partly", module)
    monkeypatch.setattr(child.time, "perf_counter", iter([10.0, 13.0]).__next__)
    assert child.run(child.Request("partly:phase", None, str(tmp_path), 1)).seconds == 12


def test_velocity_and_the_loop_find_the_same_angles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(velocity, "LINES", 1_000)
    ours, loop = velocity.measure_one(tmp_path), velocity.loop_over_some(tmp_path)
    assert (ours.fraction, loop.fraction) == (1, 1 / velocity.EVERY)
    assert ours.answer is not None
    assert loop.answer is not None
    angles = loop.run()
    assert len(angles) == 10
    assert ours.answer(ours.run()) == loop.answer(angles)


def test_imports_are_never_timed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "put_off.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    module = ModuleType("benchmarks.lazy")
    module.phase = lambda place: Work(lambda: import_module("put_off"))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "benchmarks.lazy", module)
    with pytest.raises(RuntimeError, match="imported put_off"):
        child.run(child.Request("lazy:phase", None, str(tmp_path), 1))


def test_ratios_growth_and_goals_are_judged() -> None:
    held = results(
        {
            ("no-op", 1_000, "kymflow"): [0.03, 0.02, 0.01],
            ("no-op", 1_000, "floor"): [0.01, 0.01, 0.01],
            ("no-op", 100_000, "kymflow"): [2.0, 2.0, 9.0],
            ("no-op", 100_000, "floor"): [1.0, 1.0, 1.0],
            ("no-op", 100_000, "pandas"): [8.0, 8.0, 8.0],
            ("import", 0, "kymflow"): [0.08],
            ("import", 0, "floor"): [0.03],
        }
    )
    small, large, start = summarize(held)
    assert (small.ratio, small.growth, small.verdicts) == (2.0, None, [])
    assert large.ratio == 2.0
    assert large.growth == pytest.approx(1.0)
    met = {verdict.goal.metric: verdict.met for verdict in large.verdicts}
    assert met == {"ratio": False, "growth": True}
    [verdict] = start.verdicts
    assert (verdict.value, verdict.met) == (pytest.approx(50), True)
    line = results_table(held).splitlines()[3]
    assert "100,000 |   2.000 |  1.000 |" in line
    assert "≤ 1.5× floor ✗, ≤ 1.05 growth ✓" in line
    assert line.endswith("4.00 |")
    assert "not in this run" in goals_table(held)


def test_memory_that_grows_with_the_images_misses_its_goal() -> None:
    held = results({("full-build", 20_000, "kymflow"): [1.0]}, peak=500)
    held.measurements += results({("full-build", 100_000, "kymflow"): [1.0]}, peak=600).measurements
    large = summarize(held)[1]
    met = {verdict.goal.metric: verdict.met for verdict in large.verdicts}
    assert (met["peak_mb"], met["peak_growth"]) == (True, False)


@pytest.mark.parametrize(
    ("ours", "floor", "outcome"),
    [
        ([2.0, 2.02, 2.04], [1.0, 1.0, 1.0], "same"),
        ([3.0, 3.02, 3.04], [1.0, 1.0, 1.0], "slower"),
        ([1.5, 1.52, 1.54], [1.0, 1.0, 1.0], "faster"),
        ([4.0, 4.02, 4.04], [2.0, 2.0, 2.0], "same"),  # a busier machine
        ([2.2, 1.0, 4.0], [1.0, 1.0, 1.0], "same"),  # within the noise
        ([9.0], [1.0], "can't tell"),
    ],
)
def test_comparison_sees_changes_beyond_the_noise(ours, floor, outcome: str) -> None:
    def run(ours: list[float], floor: list[float]) -> Results:
        return results({("no-op", 1_000, "kymflow"): ours, ("no-op", 1_000, "floor"): floor})

    before, after = run([2.0, 2.02, 2.04], [1.0, 1.0, 1.0]), run(ours, floor)
    assert [change.outcome for change in compare(before, after)] == [outcome]
    assert f" {outcome} " in comparison(before, after)


def test_results_survive_their_file(tmp_path: Path) -> None:
    held = results({("no-op", 1_000, "kymflow"): [1.0, 2.0]})
    held.save(tmp_path / "a.json")
    assert Results.load(tmp_path / "a.json") == held
    (tmp_path / "b.json").write_text('{"format": 0}')
    with pytest.raises(ValueError, match="measure again"):
        Results.load(tmp_path / "b.json")


def test_the_docs_page_says_what_its_results_say(tmp_path: Path) -> None:
    page = tmp_path / "benchmarks.md"
    shutil.copy(PAGE, page)
    write_page(Results.load(PAGE.with_suffix("") / "results.json"), page)
    assert page.read_text() == PAGE.read_text()
    for picture in ("time.svg", "ratio.svg"):
        assert f"(benchmarks/{picture})" in page.read_text()
        assert (PAGE.with_suffix("") / picture).exists()
    page.write_text("no place")
    with pytest.raises(ValueError, match="cases: begin"):
        write_page(results({}), page)


@pytest.mark.long
def test_views_are_measured_beside_the_table() -> None:
    figures, queries = views.measure(images=3, rows=20, repeats=1)
    assert list(figures) == list(views.QUESTIONS)
    assert all(len(own) == 3 and min(own.values()) > 0 for own in figures.values())
    assert len(queries) >= 18
    lines = views.tables(figures, queries).splitlines()
    assert len(lines) == 2 + len(figures) + 3 + len(queries)


@pytest.mark.long
def test_what_a_batch_costs_is_measured_everywhere() -> None:
    figures = overhead.measure(batches=3, repeats=1)
    assert list(figures) == ["in process", "1 process", "2 processes", "Dask, 2 processes"]
    assert all(own["empty"] > 0 and own["staged"] > 0 for own in figures.values())
    assert len(overhead.table(figures).splitlines()) == 2 + len(figures)
    there, back = overhead.bytes_there_and_back()
    assert 0 < back < 2_000 < there < 100_000
