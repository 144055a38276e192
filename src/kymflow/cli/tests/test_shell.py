from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from kymflow.cli.shell.completion import KnownWords, SqlCompleter
from kymflow.cli.shell.prompt import converse, history_path
from kymflow.cli.shell.shell import COMMANDS, Shell
from kymflow.cli.shell.statements import is_finished, split
from kymflow.core.kym_dataset import ImageIndexer, KymDataset, VelocityEventIndexer
from kymflow_zarr import ZarrDataset
from tests.support.images import add_image

ENTER, CTRL_C, CTRL_D, UP = "\r", "\x03", "\x04", "\x1b[A"


def index_an_image(dataset: ZarrDataset) -> None:
    add_image(dataset, "a", 2)
    kym = KymDataset(dataset)
    kym.update_index(ImageIndexer())
    kym.update_index(VelocityEventIndexer())


@pytest.fixture
def kym(dataset, made_once, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KymDataset:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return KymDataset(made_once(dataset, index_an_image))


@pytest.mark.parametrize(
    ("text", "statements", "rest"),
    [
        ("SELECT 1;", ["SELECT 1;"], ""),
        ("SELECT 1; SELECT 2", ["SELECT 1;"], "SELECT 2"),
        ("SELECT ';'", [], "SELECT ';'"),
        ("SELECT 'é;'; -- done; really", ["SELECT 'é;';"], ""),
        ("SELECT 1 -- ;", [], "SELECT 1 -- ;"),
        ("SELECT /* ; */ 1;", ["SELECT /* ; */ 1;"], ""),
        ("SELECT 'open;", [], "SELECT 'open;"),
        ('SELECT "a;b";', ['SELECT "a;b";'], ""),
        ("SELECT $$a;$$;;", ["SELECT $$a;$$;"], ""),
        ("", [], ""),
    ],
)
def test_statements_end_where_duckdb_says(text: str, statements: list[str], rest: str) -> None:
    assert split(text) == (statements, rest)
    assert is_finished(text) is (rest == "")


def talk(kym: KymDataset, *keys: str) -> None:
    with (
        create_pipe_input() as pipe,
        create_app_session(input=pipe, output=DummyOutput()),
    ):
        pipe.send_text("".join(keys))
        converse(kym)


@pytest.mark.long
def test_a_conversation(kym: KymDataset, capfd: pytest.CaptureFixture[str]) -> None:
    talk(
        kym,
        "SELECT image_id", ENTER,  # goes on
        "FROM kym_images;", ENTER,
        "SELECT nonsense FROM kym_images;", ENTER,
        "SELECT this is cleared", CTRL_C,
        ".mode jsonl", ENTER,
        "SELECT 1 AS one; SELECT 2 AS two;", ENTER,
        ".timer off", ENTER,
        ".frobnicate", ENTER,
        CTRL_D,
    )  # fmt: skip
    out, err = capfd.readouterr()
    assert out.splitlines()[2:] == ["image_id", "────────", "a", '{"one":1}', '{"two":2}']
    assert "nonsense" in err
    assert "Traceback" not in err
    assert len(re.findall(r"1 row in \d+\.\d+ s", err)) == 3
    assert "there is no command .frobnicate; .help lists them" in err
    assert "cleared" not in out + err


def test_history_is_kept_and_private(kym: KymDataset, capfd: pytest.CaptureFixture[str]) -> None:
    talk(kym, "SELECT 41 + 1 AS answer;", ENTER, ".quit", ENTER)
    assert history_path().stat().st_mode & 0o777 == 0o600
    capfd.readouterr()
    talk(kym, UP, UP, ENTER, CTRL_D)
    assert "42" in capfd.readouterr().out


def test_history_that_cannot_be_kept_is_said(
    kym: KymDataset, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/dev/null")
    talk(kym, CTRL_D)
    assert "what you type is not kept" in capfd.readouterr().err


def take(kym: KymDataset, capfd: pytest.CaptureFixture[str], *lines: str) -> tuple[str, str]:
    shell = Shell(kym)
    shell.timer = False
    for line in lines:
        shell.take(line)
    return capfd.readouterr()


def test_tables_and_columns_are_listed(kym: KymDataset, capfd: pytest.CaptureFixture[str]) -> None:
    out, _ = take(kym, capfd, ".mode csv", ".tables", ".schema kym_images;")
    assert "kym_velocity_events,2,1," in out
    assert "um_per_pixel,DOUBLE,µm/pixel," in out
    out, _ = take(kym, capfd, ".mode csv", ".schema")
    assert "kym_velocity_events_runs,status,VARCHAR" in out


def test_a_file_is_read(kym: KymDataset, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "two.sql").write_text("SELECT 'a;b' AS x;\n-- then\nSELECT 2 AS y")
    out, _ = take(kym, capfd, ".mode csv", f".read {tmp_path / 'two.sql'}")
    assert out == "x\na;b\ny\n2\n"
    _, err = take(kym, capfd, ".read nowhere.sql")
    assert "nowhere.sql" in err


def test_answers_go_to_files(kym: KymDataset, capfd: pytest.CaptureFixture[str], tmp_path) -> None:
    file = tmp_path / "answer.csv"
    lines = (f".output {file}", "SELECT 1 AS x", ".output", ".mode csv", "SELECT 2 AS y")
    out, _ = take(kym, capfd, *lines)
    assert out == "y\n2\n"
    assert file.read_text() == "x\n1\n"
    _, err = take(kym, capfd, ".output answer.what")
    assert "its ending may be" in err


@pytest.mark.parametrize("word", ["exit", "quit", "EXIT;", ".quit"])
def test_a_word_leaves(kym: KymDataset, capfd: pytest.CaptureFixture[str], word: str) -> None:
    talk(kym, word, ENTER, "SELECT 41 + 1 AS answer;", ENTER)
    assert "42" not in capfd.readouterr().out


def test_named_queries_are_listed_and_asked(
    kym: KymDataset, capfd: pytest.CaptureFixture[str]
) -> None:
    out, _ = take(kym, capfd, ".mode csv", ".queries", ".queries events_per_image")
    assert 'events_per_image,"How many' in out
    assert "FROM kym_events" in out
    out, _ = take(kym, capfd, ".mode jsonl", ".run strongest_events limit=1")
    assert out.startswith('{"image_id":"a"')
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (".run", "write .run NAME PARAMETER=VALUE"),
        (".run event_rate by", "is not NAME=VALUE"),
        (".run nope", "there is no query 'nope'"),
        (".mode sideways", "no format 'sideways' here; there are table, vertical"),
        (".timer maybe", "the timer is on or off"),
        ("SELECT 'open", "unterminated"),
        ("DROP TABLE kym_images;", ""),
        (".schema nope", "nope"),
    ],
)
def test_errors_are_said_and_end_nothing(
    kym: KymDataset, capfd: pytest.CaptureFixture[str], line: str, message: str
) -> None:
    out, err = take(kym, capfd, line, ".mode csv", "SELECT 1 AS still_here;")
    assert err.startswith("error: ")
    assert message in err
    assert str(kym.dataset.path) not in err
    assert out == "still_here\n1\n"


def test_help_lists_every_command(kym: KymDataset, capfd: pytest.CaptureFixture[str]) -> None:
    out, _ = take(kym, capfd, ".help")
    for name in COMMANDS:
        assert name in out
        assert hasattr(Shell, f"_do_{name.split()[0][1:]}")


def offered(kym: KymDataset, text: str) -> list[str]:
    completer = SqlCompleter(KnownWords(kym))
    return [c.text for c in completer.get_completions(Document(text), CompleteEvent())]


@pytest.mark.wide
@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("SELECT * FROM kym_i", ["kym_images"]),
        ("SELECT * FROM kym_images, kym_vel", ["kym_velocity_events"]),
        ("SELECT * FROM kym_images JOIN ", ["kym_analysed", "kym_events", "kym_images"]),
        ("SELECT kym_images.um", ["um_per_pixel"]),
        ("SELECT i.um", []),
        ("SEL", ["SELECT"]),
        ("sel", ["select"]),
        ("SELECT coun", ["count"]),
        (".sch", [".schema"]),
        (".mode ma", ["markdown"]),
        (".run event_r", ["event_rate"]),
        (".schema kym_velocity_events_r", ["kym_velocity_events_runs"]),
        ("SELECT 'kym_", []),
        ("SELECT ", []),
    ],
)
def test_completion(kym: KymDataset, text: str, first: list[str]) -> None:
    assert offered(kym, text)[: len(first) or None] == first


def test_columns_of_the_tables_that_are_read_come_first(kym: KymDataset) -> None:
    completer = SqlCompleter(KnownWords(kym))
    document = Document(
        "SELECT t_s FROM kym_velocity_events AS e", cursor_position=len("SELECT t_s")
    )
    found = [c.text for c in completer.get_completions(document, CompleteEvent())]
    assert found[0] == "t_start_s"
    aliased = Document("SELECT e. FROM kym_velocity_events AS e", cursor_position=len("SELECT e."))
    assert "peak_value" in [c.text for c in completer.get_completions(aliased, CompleteEvent())]


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *command: str, **environment: str) -> None:
        pid, self.fd = pty.fork()
        if pid == 0:
            os.environ.update(TERM="xterm", PROMPT_TOOLKIT_NO_CPR="1", **environment)
            os.execv(command[0], command)
        termios.tcsetwinsize(self.fd, (30, 80))
        self.pid = pid
        self.seen = ""

    def send(self, text: str) -> None:
        os.write(self.fd, text.encode())

    def read(self, seconds: float) -> bool:
        if not select.select([self.fd], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:  # the other end has closed
            return False
        self.seen += re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", data.decode(errors="replace"))
        return bool(data)

    def until(self, text: str) -> None:
        """Wait until a text has been shown; what was shown up to it is forgotten."""
        while text not in self.seen:
            assert self.read(60), f"no {text!r} in {self.seen!r}"
        self.seen = self.seen.split(text, 1)[1]

    def wait(self) -> int:
        while self.read(60):
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


@pytest.mark.long
def test_on_a_real_terminal(kym: KymDataset, tmp_path: Path) -> None:
    terminal = Terminal(
        sys.executable, "-m", "kymflow.cli.main", "sql", str(kym.dataset.path),
        XDG_STATE_HOME=str(tmp_path / "state"),
    )  # fmt: skip
    terminal.until("sql>")
    terminal.send("SELECT 40 + 2 AS answer;\r")
    terminal.until("42")
    terminal.until("row in")
    terminal.until("sql>")
    forever = (
        "SELECT count(*) FROM range(10000000) a, range(10000000) b WHERE a.range + b.range = 3;"
    )
    terminal.send(f"SELECT 'be' || 'gun' AS x; {forever}\r")
    terminal.until("begun")
    terminal.send(CTRL_C)
    terminal.until("interrupted")
    terminal.until("sql>")
    terminal.send("SELECT 'alive' || 'again' AS x;\r")
    terminal.until("aliveagain")
    terminal.until("sql>")
    terminal.send(CTRL_D)
    assert terminal.wait() == 0
    assert "Traceback" not in terminal.seen


@pytest.mark.long
def test_without_the_extra_the_error_names_it(kym: KymDataset) -> None:
    code = (
        "import sys; sys.modules['prompt_toolkit'] = None\n"
        "from kymflow.cli.main import run\n"
        "sys.stdin.isatty = sys.stdout.isatty = lambda: True\n"
        f"run(['sql', {str(kym.dataset.path)!r}])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "kymflow[shell]" in done.stderr
    assert "Traceback" not in done.stderr
