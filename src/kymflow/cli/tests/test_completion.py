"""Names behind Tab: what shells are offered, asked as they ask."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kymflow.cli.tests.test_command import run
from kymflow_zarr import ZarrDataset
from tests.support.images import add_image

BIN = Path(sys.executable).parent


def offered(*words: object) -> list[str]:
    """Ask for the completion of the last word, as bash does."""
    environment = {
        **os.environ,
        "_KYMFLOW_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(["kymflow", *map(str, words)]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [BIN / "kymflow"], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dataset = ZarrDataset(tmp_path_factory.mktemp("lab") / "lab.zarr", mode="a")
    for image_id, path in (("3f", "treated/day1/vessel.tif"), ("3e", "control/day1/vein.tif")):
        rec = add_image(dataset, image_id, 1)
        rec.save_metadata_payload({"source": {"path": path}})
    run("index", dataset.path)
    return dataset.path


OFFERED = [
    (("sch",), ["schema"]),
    (("show", "{lab}", "ve"), ["vein.tif", "vessel.tif"]),
    (("index", "{lab}", "--images", "3e,3"), ["3e,3e", "3e,3f"]),
    # A folder that is no dataset has no images, and no place for an error.
    (("show", "/", "a"), []),
]
ALSO_OFFERED = [
    (("show", "{lab}", "treated"), ["treated/day1/vessel.tif"]),
    (("params", "get", "{lab}", "3"), ["3e", "3f"]),
    (("index", "{lab}", "velocity_"), ["velocity_events"]),
    (("schema", "{lab}", "kym_im"), ["kym_images", "kym_images_params", "kym_images_runs"]),
    (("queries", "show", "event_r"), ["event_rate"]),
    (("sql", "{lab}", "--query", "event_r"), ["event_rate"]),
    (("sql", "{lab}", "--query", "event_rate", "-p", "b"), ["by="]),
    (("detect", "{lab}", "-p", "mad"), ["mad_k="]),
    (("velocity", "{lab}", "-p", "window"), ["window_lines="]),
    (("metadata", "set", "{lab}", "um_"), ["um_per_pixel="]),
]


@pytest.mark.parametrize(
    ("words", "expected"),
    [*OFFERED, *(pytest.param(*case, marks=pytest.mark.long) for case in ALSO_OFFERED)],
)
def test_tab_offers_what_fits(lab: Path, words: tuple[str, ...], expected: list[str]) -> None:
    assert sorted(offered(*(word.format(lab=lab) for word in words))) == expected


@pytest.mark.parametrize(
    ("shell", "file"),
    [
        ("bash", "bash-completion/completions/kymflow"),
        ("zsh", "zsh/site-functions/_kymflow"),
        ("fish", "fish/completions/kymflow.fish"),
    ],
)
def test_install_writes_where_the_shell_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: str, file: str
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    run("completion", "install", shell)
    run("completion", "install", shell)  # again: as before, once
    written = (tmp_path / file).read_text()
    assert written.count("_KYMFLOW_COMPLETE=") == 1
    assert run("completion", "show", shell).stdout.rstrip("\n") == written.rstrip("\n")


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_bash_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("SHELL", "/bin/bash")
    run("completion", "install")
    script = tmp_path / "bash-completion/completions/kymflow"
    asked = (
        f"source {script}; COMP_WORDS=(kymflow veloc); COMP_CWORD=1; "
        "_kymflow_completion kymflow; echo ${COMPREPLY[@]}"
    )
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", asked], env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["velocity"]
    assert done.stderr == ""


def test_an_unknown_shell_is_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHELL", "/bin/tcsh")
    assert "name the shell: bash, zsh, fish" in run("completion", "show", check=2).stderr
