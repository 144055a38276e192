"""What is shipped: the wheel, the layers, the cost of importing."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import kymflow_sql
from kymflow.core.kym_dataset import KymDataset, available_indexers, load_indexer
from kymflow.core.synthetic import Stretch, add_synthetic_image
from kymflow.core.velocity_events import detect_dataset
from kymflow_zarr import ZarrDataset

ROOT = Path(__file__).parent.parent
HEAVY = (
    *("polars", "duckdb", "zarr", "numpy", "pyarrow", "tifffile", "fsspec"),
    *("rich", "altair", "prompt_toolkit", "pygments", "scipy", "bottleneck"),
)


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint('LOADED', *sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stdout.rpartition("LOADED")[2].split())


@pytest.mark.parametrize(
    "code",
    [
        "import kymflow",
        "import kymflow_zarr",
        "import kymflow.core.kym_dataset",
        "import kymflow.core.lab_folder",
        "import kymflow.core.velocity",
        "from kymflow_zarr import DatasetError",
        "from kymflow.cli.main import app; app.main(['--help'], standalone_mode=False)",
        "from kymflow.cli.main import app; app.main(['sql', '--help'], standalone_mode=False)",
    ],
)
def test_importing_loads_no_heavy_library(code: str) -> None:
    assert loaded_by(code).isdisjoint(HEAVY)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A dataset with one image whose tables were built, and the image's id."""
    path = tmp_path_factory.mktemp("indexed") / "lab.zarr"
    dataset = ZarrDataset(path, mode="a")
    image_id = add_synthetic_image(dataset, 1, [Stretch(2.0, 3.0)]).image_id
    detect_dataset(dataset)
    for name in available_indexers():
        KymDataset(dataset).update_index(load_indexer(name))
    return str(path), image_id


NEVER = {"pandas", "zarr", "scipy", "altair", "rich", "pyarrow.compute", "pyarrow.dataset"}
ENGINE = {"kymflow.core.kym_dataset.update.pipeline", "kymflow.core.workers.pool", "bottleneck"}


@pytest.mark.parametrize(
    ("command", "unneeded"),
    [
        ("queries", {"duckdb", *NEVER, *ENGINE}),
        pytest.param("params get {dataset} {image}", {"duckdb", *NEVER}, marks=pytest.mark.long),
        ("sql {dataset} SELECT¤count(*)¤FROM¤kym_images", {*NEVER, *ENGINE}),
        pytest.param(
            "sql {dataset} FROM¤kym_events_that_are_not_there",
            {*NEVER, *ENGINE, "polars"},
            marks=pytest.mark.long,
        ),
        pytest.param(
            "schema {dataset} kym_velocity_events",
            {*NEVER, *ENGINE} - {"pyarrow.compute"},
            marks=pytest.mark.long,
        ),
        pytest.param(
            "tables list {dataset} --no-stale",
            {*NEVER, *ENGINE} - {"pyarrow.compute"},
            marks=pytest.mark.long,
        ),
        ("status {dataset}", NEVER),
    ],
)
def test_a_small_question_loads_only_what_its_answer_needs(
    indexed: tuple[str, str], command: str, unneeded: set[str]
) -> None:
    pytest.importorskip("pandas")  # where it is not installed nothing could load it
    dataset, image = indexed
    filled = (word.format(dataset=dataset, image=image) for word in command.split())
    arguments = [word.replace("¤", " ") for word in filled]
    code = f"from kymflow.cli.main import run\ntry: run({arguments!r})\nexcept SystemExit: pass"
    assert loaded_by(code) & unneeded == set()


def test_storage_never_loads_the_core() -> None:
    loaded = loaded_by("from kymflow_zarr import ZarrDataset, TableStore")
    assert not {name for name in loaded if name.split(".")[0] == "kymflow"}


def test_public_names_can_all_be_had() -> None:
    import kymflow.core.kym_dataset as engine
    import kymflow.core.velocity as velocity
    import kymflow_zarr as storage

    for module in (engine, velocity, storage):
        for name in module.__all__:
            assert getattr(module, name) is not None


def test_every_statement_says_its_inputs_and_output() -> None:
    assert "engine/staleness" in kymflow_sql.names()
    for name in kymflow_sql.names():
        header = "\n".join(
            line for line in kymflow_sql.statement(name).splitlines() if line.startswith("--")
        )
        assert "Output" in header, name
        assert "Inputs" in header or "Tables" in header, name
    with pytest.raises(KeyError, match="engine/staleness"):
        kymflow_sql.statement("engine/none")


def test_no_module_is_a_god_module() -> None:
    long = [
        (path.name, count)
        for path in (ROOT / "src").rglob("*.py")
        if "tests" not in path.parts and (count := len(path.read_text().splitlines())) > 400
    ]
    assert long == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = ROOT / "dist"
    wheels = sorted(built.glob("kymflow-*.whl")) if built.is_dir() else []
    if not wheels:
        command = ["uv", "build", "--quiet", "--wheel", "--out-dir", str(folder)]
        try:
            subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        except (FileNotFoundError, subprocess.CalledProcessError):
            pytest.skip("the wheel is built by uv, with its registry in reach")
        wheels = sorted(folder.glob("*.whl"))
    return wheels[-1]


@pytest.mark.long
def test_an_installed_wheel_has_its_statements_and_no_tests(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path)
    assert not [name for name in names if "/tests/" in name or "examples" in name]
    packages = {p.parent.relative_to(ROOT / "src").as_posix() for p in (ROOT / "src").rglob("*.py")}
    shipped = {str(Path(name).parent) for name in names if name.endswith(".py")}
    assert {p for p in packages if "tests" not in p and "core/zarr" not in p} <= shipped
    for package in ("kymflow", "kymflow_zarr", "kymflow_sql"):
        assert f"{package}/py.typed" in names
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import kymflow_sql; "
        f"assert kymflow_sql.__file__.startswith({str(tmp_path)!r}); "
        "print(len([kymflow_sql.statement(name) for name in kymflow_sql.names()]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert int(done.stdout) == len(kymflow_sql.names())


def test_indexers_of_other_packages_are_found(tmp_path: Path) -> None:
    (tmp_path / "mylab.py").write_text(
        "from kymflow.core.kym_dataset import ArtifactIndexer\n"
        "class Stalls(ArtifactIndexer):\n"
        "    name = 'stalls'\n"
        "    version = 'stalls@1'\n"
        "    params_artifact = 'stalls/params'\n"
        "    rows_artifacts = ('stalls/rows',)\n"
    )
    info = tmp_path / "mylab-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mylab\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[kymflow.indexers]\nstalls = mylab:Stalls\nbroken = mylab:Nothing\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from kymflow.core.errors import InvalidIndexerError\n"
        "from kymflow.core.kym_dataset import available_indexers, load_indexer\n"
        "print(available_indexers(), load_indexer('stalls').analysis_version())\n"
        "try: load_indexer('broken')\n"
        "except InvalidIndexerError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found, broken = done.stdout.splitlines()
    assert (
        found == "['broken', 'images', 'reviews', 'stalls', 'velocity', 'velocity_events'] stalls@1"
    )
    assert "can't be loaded" in broken
