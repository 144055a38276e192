"""The command ``python -m benchmarks``: run, compare, report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import machine
from benchmarks.cases import BY_NAME
from benchmarks.compare import comparison
from benchmarks.markdown import images_text
from benchmarks.plots import draw
from benchmarks.report import goals_table, results_table, write_page
from benchmarks.results import Results, Settings
from benchmarks.rivals import CLASSES
from benchmarks.runner import BenchmarkError, Runner

PAGE = machine.ROOT / "docs" / "benchmarks.md"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    options = _parser().parse_args(arguments)
    if options.command == "run":
        _run(options)
    elif options.command == "compare":
        print(comparison(Results.load(options.before), Results.load(options.after)))
    else:
        write_page(Results.load(options.results), options.page)


def _run(options: argparse.Namespace) -> None:
    sizes = tuple(sorted(set(options.images)))
    settings = Settings(sizes, options.rows, options.repeats, options.budget)
    with ExitStack() as stack:
        scratch = options.scratch or stack.enter_context(TemporaryDirectory(prefix="kymflow-"))
        results = Results(machine.describe(Path(scratch)), settings)
        runner = Runner(Path(scratch), settings, options.rivals)
        cases = [BY_NAME[name] for name in options.cases]
        plan = [(images, case) for case in cases for images in case.sizes(sizes)]
        for images, case in sorted(plan, key=lambda step: step[0]):
            print(f"{images_text(images):>9} images  {case.title}", file=sys.stderr, flush=True)
            results.measurements += runner.measure(case, images)
            results.save(options.out)
    print(results_table(results), goals_table(results), sep="\n\n")
    if options.plots:
        draw(results, options.plots)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run",
        help="measure; print one table and the goals",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = run.add_argument
    add("--images", type=int, nargs="+", default=[1_000, 10_000, 100_000], help="sizes")
    add("--rows", type=int, default=20, help="events per image, on average")
    add("--cases", nargs="+", choices=BY_NAME, default=list(BY_NAME), metavar="CASE", help="cases")
    add(
        "--rivals",
        nargs="*",
        choices=CLASSES,
        default=list(CLASSES),
        metavar="RIVAL",
        help="rivals",
    )
    add("--repeats", type=int, default=3, help="repetitions of each case")
    add("--budget", type=float, default=120.0, help="longest a rival may take for one case, s")
    add("--out", type=Path, default=Path("benchmarks.json"), help="file for the results")
    add("--plots", type=Path, metavar="DIR", help="folder for plots; by default none are drawn")
    add("--scratch", type=Path, metavar="DIR", help="folder for datasets, kept for the next run")
    compare = commands.add_parser("compare", help="show what became slower or faster")
    compare.add_argument("before", type=Path, metavar="A.json")
    compare.add_argument("after", type=Path, metavar="B.json")
    report = commands.add_parser("report", help="write results and plots into the docs page")
    report.add_argument("results", type=Path, metavar="FILE.json")
    report.add_argument("--page", type=Path, default=PAGE, help="the page to write")
    return parser


if __name__ == "__main__":
    try:
        main()
    except BenchmarkError as error:
        sys.exit(str(error))
