"""The cases: what kymflow does, what the floor is, and what must be on disk before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.workload import ONE_IMAGE, ONE_PERCENT, ONE_PERCENT_TOGETHER, UNCHANGED, Change


@dataclass(frozen=True, slots=True)
class Phase:
    """A piece of work, and the state of the disk that it needs.

    Attributes:
        function: ``module:function`` of this package; it returns a ``Work``.
        argument: A second argument of the function, after the place.
        table: Whether the table must be ``absent``, or ``built`` from the unchanged images;
            ``any`` if it does not matter.
        change: Which images are changed.
    """

    function: str
    argument: str | None = None
    table: Literal["absent", "built", "any"] = "any"
    change: Change = UNCHANGED


Sizes = Callable[[Sequence[int]], list[int]]


@dataclass(frozen=True, slots=True)
class Case:
    """One line of the results.

    Attributes:
        name: What it is called on the command line.
        title: What it is called in tables and plots.
        ours: What kymflow does.
        floor: The least work; the times of several phases add up.
        floor_title: The floor in words.
        rivals: Whether the rivals do it too.
        place: What it works on: a dataset, the inputs of a decision, tables to commit to, or
            nothing.
        calls: How often a process does it; the median counts.
        sizes: The sizes to measure, given those asked for.
    """

    name: str
    title: str
    ours: Phase
    floor: tuple[Phase, ...]
    floor_title: str
    rivals: bool = False
    place: Literal["workload", "decision", "commits", "nothing"] = "workload"
    calls: int = 1
    sizes: Sizes = list


def _with_a_fifth(asked: Sequence[int]) -> list[int]:
    """Add a fifth of the largest size, to see whether peak memory grows with the images."""
    return sorted({*asked, max(asked) // 5})


def _tenfold(asked: Sequence[int]) -> list[int]:
    return [10 * images for images in asked]


def _half_and_fivefold(asked: Sequence[int]) -> list[int]:
    """Take two sizes a factor of ten apart: 1 and 10 million rows for 100,000 images."""
    return [max(asked) // 2, 5 * max(asked)]


def _once(_: Sequence[int]) -> list[int]:
    return [0]


def _smallest(sizes: Sequence[int]) -> list[int]:
    return [min(sizes)]


def _incremental(change: Change) -> Phase:
    return Phase("engine:incremental", table="built", change=change)


def _query(name: str, title: str) -> Case:
    return Case(
        name=f"query-{name.replace('_', '-')}",
        title=title,
        ours=Phase("engine:query", name, table="built"),
        floor=(Phase("floors:query", name, table="built"),),
        floor_title="the same query in bare DuckDB on the same file",
        calls=5,
    )


def _commit(name: str, title: str, *, calls: int) -> Case:
    return Case(
        name=f"commit-{name}",
        title=f"Commit of {title} to a DuckLake",
        ours=Phase("commits:in_lake", name),
        floor=(Phase("commits:in_one_file", name),),
        floor_title="the same commit to a table that is one Parquet file",
        place="commits",
        calls=calls,
        sizes=_half_and_fivefold,
    )


def _start(name: str, title: str, function: str) -> Case:
    return Case(
        name=name,
        title=title,
        ours=Phase(function),
        floor=(Phase("startup:bare_python"),),
        floor_title="`python -c pass`",
        place="nothing",
        calls=9,
        sizes=_once,
    )


def _detection(name: str, traces: str, title: str, floor_title: str) -> Case:
    floor = "loop_over_one" if traces == "one" else f"medians_of_{traces}"
    return Case(
        name=name,
        title=title,
        ours=Phase(f"detector:detect_{traces}"),
        floor=(Phase(f"detector:{floor}"),),
        floor_title=floor_title,
        place="nothing",
        calls=9,
        sizes=_once,
    )


def _measurement(name: str, recording: str, title: str, floor: str, floor_title: str) -> Case:
    return Case(
        name=name,
        title=title,
        ours=Phase(f"velocity:measure_{recording}"),
        floor=(Phase(f"velocity:{floor}"),),
        floor_title=floor_title,
        place="nothing",
        sizes=_once,
    )


MEDIANS = "two Bottleneck moving medians over them"
SCAN = Phase("floors:scan_and_write")
SCAN_TITLE = "one Polars scan over all events files, one Parquet write"
READ = Phase("floors:read_params")
READ_TITLE = "list the images; open, read and close every params file"
COPY = Phase("floors:copy_table", table="built")
NO_OP = _incremental(UNCHANGED)
NO_OP_AND_COPY = "the no-op as measured, plus one DuckDB `COPY` of the table"

CASES = (
    Case(
        name="full-build",
        title="Full build",
        ours=Phase("engine:full_build", table="absent"),
        floor=(SCAN,),
        floor_title=SCAN_TITLE,
        rivals=True,
        sizes=_with_a_fifth,
    ),
    Case(
        name="no-op",
        title="Nothing changed",
        ours=NO_OP,
        floor=(READ,),
        floor_title=READ_TITLE,
        rivals=True,
    ),
    Case(
        name="changed",
        title="1 % changed, anywhere",
        ours=_incremental(ONE_PERCENT),
        floor=(NO_OP, COPY),
        floor_title=NO_OP_AND_COPY,
        rivals=True,
    ),
    Case(
        name="changed-together",
        title="1 % changed, neighbours",
        ours=_incremental(ONE_PERCENT_TOGETHER),
        floor=(NO_OP, COPY),
        floor_title=NO_OP_AND_COPY,
    ),
    Case(
        name="one-changed",
        title="One image changed",
        ours=_incremental(ONE_IMAGE),
        floor=(NO_OP, COPY),
        floor_title=NO_OP_AND_COPY,
    ),
    Case(
        name="one-by-id",
        title="One image changed, named by id",
        ours=Phase("engine:incremental_by_id", table="built", change=ONE_IMAGE),
        floor=(COPY,),
        floor_title="one DuckDB `COPY` of the table",
    ),
    Case(
        name="version-bump",
        title="analysis_version raised",
        ours=Phase("engine:version_bump", table="built"),
        floor=(SCAN,),
        floor_title=SCAN_TITLE,
    ),
    Case(
        name="decide",
        title="Decision alone",
        ours=Phase("engine:decide"),
        floor=(Phase("floors:group_by_image"),),
        floor_title="one DuckDB group-by over the same table",
        place="decision",
        sizes=_tenfold,
    ),
    Case(
        name="status",
        title="What is stale",
        ours=Phase("engine:staleness", table="built"),
        floor=(READ,),
        floor_title=READ_TITLE,
    ),
    _commit("percent", "1 %", calls=1),
    _commit("one", "one image", calls=3),
    _query("lookup", "SQL: one image's rows"),
    _query("by_type", "SQL: sums by type"),
    _query("by_image", "SQL: sums by image and ROI"),
    _query("strongest", "SQL: strongest hundred"),
    Case(
        name="per-image",
        title="Per-image indexer",
        ours=Phase("engine:per_image", table="absent"),
        floor=(Phase("floors:bare_params_only"),),
        floor_title="its two verbs called in a bare loop",
    ),
    Case(
        name="per-image-workers",
        title="Slow per-image indexer, two workers",
        ours=Phase("engine:per_image_two_workers", table="absent"),
        floor=(Phase("floors:bare_event_summary"),),
        floor_title="its two verbs called in a bare loop, in one process",
    ),
    Case(
        name="images-build",
        title="Full build of `kym_images`",
        ours=Phase("engine:images_build", table="absent"),
        floor=(Phase("floors:read_metadata_and_write"),),
        floor_title="read and parse every metadata file, one Parquet write",
    ),
    _detection("detect", "many", "Detection in 20 traces of 7,500 samples", MEDIANS),
    _detection("detect-long", "long", "Detection in a trace of a million samples", MEDIANS),
    _detection("detect-loop", "one", "Detection, against a loop", "the same sample by sample"),
    _measurement(
        "velocity",
        "one",
        "Velocities of 30,000 lines × 38 pixels",
        "loop_over_some",
        "scikit-image's `radon` window by window, by one window in 25",
    ),
    _measurement(
        "velocity-long",
        "long",
        "Velocities of 300,000 lines",
        "measure_ten",
        "those of 30,000 lines ten times",
    ),
    Case(
        name="velocity-workers",
        title="Velocities of 12 recordings of 30,000 lines, two workers",
        ours=Phase("whole_job:measure_dataset", "2"),
        floor=(Phase("whole_job:measure_dataset", "1"),),
        floor_title="the same in one process",
        place="nothing",
        sizes=_once,
    ),
    Case(
        name="run-idle",
        title="`kymflow run` again over 1,000 unchanged images",
        ours=Phase("whole_job:run_again"),
        floor=(Phase("whole_job:list_and_stat"),),
        floor_title="list the folder and stat its files",
        place="nothing",
        calls=3,
        sizes=_once,
    ),
    _start("import", "Import of the package", "startup:import_package"),
    _start("help", "`kymflow --help`", "startup:show_help"),
    Case(
        name="question",
        title="`kymflow sql` counts a table's rows",
        ours=Phase("startup:ask_kymflow", table="built"),
        floor=(Phase("startup:ask_duckdb", table="built"),),
        floor_title="the same question asked by a bare DuckDB process",
        calls=9,
        sizes=_smallest,
    ),
)
BY_NAME = {case.name: case for case in CASES}
