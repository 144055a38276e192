"""``kymflow sql``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from kymflow.cli.commands.common import dataset_argument, open_tables
from kymflow.cli.output import TABLE, Output, output_options
from kymflow.cli.question import Question, question_options


@click.command("sql")
@dataset_argument
@question_options
@click.option("--explain", is_flag=True, help="Show how DuckDB would answer, without asking.")
@output_options
def command(path: Path, question: Question | None, explain: bool, output: Output) -> None:
    """Answer SQL over the tables, read-only; a prompt without QUERY.

    SQL sees every table by its name, and for each its ledger as <table>_runs and the params
    behind its rows as <table>_params. Nothing else can be read, and nothing is changed.
    """
    kym = open_tables(path)
    if question is None:
        from kymflow.cli.shell import run_shell

        run_shell(kym)
        return
    if explain:
        question, output = question.explained(), replace(output, format=output.format or TABLE)
    output.print_batches(question.batches(kym))
