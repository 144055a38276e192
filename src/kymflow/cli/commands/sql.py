"""``kymflow sql``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from kymflow.cli.options import dataset_argument, open_tables
from kymflow.cli.output import TABLE, Output, output_options
from kymflow.cli.question import Question, question_options

if TYPE_CHECKING:
    from kymflow.core.kym_dataset import KymDataset


@click.command("sql")
@dataset_argument
@question_options
@click.option("--explain", is_flag=True, help="Show how DuckDB would answer, without asking.")
@output_options
def command(path: Path, question: Question | None, explain: bool, output: Output) -> None:
    """Run SQL over the tables, read-only; without QUERY, a prompt.

    SQL sees every table by its name, and for each its last runs as <table>_runs and the params
    behind its rows as <table>_params. Events that count are kym_events: no candidates unless a
    person labelled them, none rejected. Traces that were searched for them are kym_analysed.
    Nothing else can be read, and nothing is changed.
    """
    kym = open_tables(path)
    if question is None:
        _run_shell(kym, output)
        return
    if explain:
        question = replace(question, explained=True)
        output = replace(output, format=output.format or TABLE)
    output.print_batches(question.batches(kym))


def _run_shell(kym: KymDataset, output: Output) -> None:
    from kymflow.cli.shell import run_shell

    if output.path is not None or not sys.stdout.isatty():
        raise click.UsageError("the prompt needs a terminal; give a QUERY, or one by --file")
    run_shell(kym, output.format or TABLE)
