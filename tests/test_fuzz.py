"""Any bytes at all: every parser answers with a value or with a typed error of one line."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kymflow.core.kym_dataset import ImageIndexer, VelocityEventIndexer
from kymflow.core.lab_folder.discover import LabImage
from kymflow.core.lab_folder.events import read_events
from kymflow.core.lab_folder.header import read_header
from kymflow.core.lab_folder.metadata import Hints, build_metadata
from kymflow.core.lab_folder.pixels import Kymograph, read_kymograph
from kymflow.core.lab_folder.traces import read_trace
from kymflow_zarr import DatasetError, ZarrDataset
from kymflow_zarr.store.codecs import encode_json
from tests import corpus

QUICK = 40
EXAMPLES = [QUICK, pytest.param(1000, marks=pytest.mark.long)]
EVENTS_FILE = json.dumps(
    {
        "version": "2.0",
        "velocity_events": {"1:1": [{"event_type": "baseline_drop", "i_start": 3, "t_start": 0.5}]},
        "params": {"mad_k": 3.0},
    }
).encode()
SIDECAR = json.dumps(
    {
        "header": {"shape": [20, 4], "voxels": [0.001, 0.4]},
        "experiment_metadata": {"depth": 3, "note": "µ"},
        "rois": [{"id": 1, "dim0_start": 0}, {"roi_id": 2, "data": {"x0": 1}}],
        "accepted": True,
    }
).encode()
TRACE = b"roi_id,time,velocity,absVelocity\n1,0.1,2.5,2.5\n1,0.2,,\n2,0.1,-1,1\n"
TOKENS = [
    *(b"NaN", b"1e999", b"-0", b"null", b"[", b"]", b"{", b"}", b'"', b",", b":", b"\n", b"\0"),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\\ud800", b"9" * 40, b"\xff" * 8, b"[" * 2000, b" " * 100),
]


@st.composite
def mutated(draw: st.DrawFn, good: bytes) -> bytes:
    """Give a good file with some of it cut, overwritten, doubled or sown with tokens."""
    data = bytearray(good)
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, max(0, len(data) - 1)))
        stop = min(len(data), start + draw(st.integers(0, 16)))
        new = draw(st.one_of(st.binary(max_size=8), st.sampled_from(TOKENS), st.just(b"")))
        data[start:stop] = new
        if draw(st.integers(0, 9)) == 0:
            data = data[:start] or data + data
    return bytes(data)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["2025", "1e9", "x/y/z", "uint16"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = ["depth", "branch_order", "note", "Note", "image_id", "params_hash", "shape", "voxels"]
SECTIONS = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=6), VALUES, max_size=5)
PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("header", "experiment_metadata", "source"), SECTIONS | VALUES),
        **dict.fromkeys(("rois", "accepted", "version"), VALUES),
    },
)
EVENT_LISTS = st.lists(
    st.dictionaries(
        st.sampled_from(["t_start", "i_start", "channel", "event_id", "id", "mine"])
        | st.text(max_size=4),
        VALUES,
        max_size=4,
    )
    | VALUES,
    max_size=3,
)
EVENT_FILES = st.fixed_dictionaries(
    {"velocity_events": st.dictionaries(st.sampled_from(["1", "2:1", "x", "", ":"]), EVENT_LISTS)},
    optional={"params": VALUES},
)


def as_json(values: st.SearchStrategy[object]) -> st.SearchStrategy[bytes]:
    """Give values as JSON, NaN and lone surrogates included."""
    return values.map(lambda value: json.dumps(value).encode())


def try_often(
    strategy: st.SearchStrategy[bytes], parse: Callable[[bytes], object], examples: int
) -> None:
    """Parse many examples; each must give a value or a typed error of one printable line."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def check(data: bytes) -> None:
        try:
            parse(data)
        except DatasetError as error:
            message = error.message
        else:
            return
        assert message.isprintable(), message
        assert len(message) < 1000

    check()


def image(tif: Path, sidecar: Path) -> LabImage:
    return LabImage(tif.name, tif, None, sidecar, None, None, None)


KYMOGRAPH = Kymograph(corpus.PIXELS, ("t", "x"), (), ())
LAB_FILES: dict[str, tuple[st.SearchStrategy[bytes], Callable[[Path], object]]] = {
    "headers": (mutated(corpus.HEADER.encode()), read_header),
    "headers in UTF-16": (mutated(corpus.HEADER.encode("utf-16")), read_header),
    "sidecars": (
        mutated(SIDECAR) | as_json(PAYLOADS),
        lambda path: encode_json(build_metadata(image(path, path), KYMOGRAPH, {}, Hints())),
    ),
    "traces": (mutated(TRACE), read_trace),
    "events": (mutated(EVENTS_FILE) | as_json(EVENT_FILES), read_events),
    "TIFFs": (
        st.sampled_from(list(corpus.GOOD_TIFF.values())).flatmap(mutated),
        read_kymograph,
    ),
}


@pytest.mark.wide
@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("kind", LAB_FILES)
def test_lab_files(tmp_path: Path, kind: str, examples: int) -> None:
    strategy, read = LAB_FILES[kind]
    path = tmp_path / "file"

    def parse(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    try_often(strategy | st.binary(max_size=200), parse, examples)


@pytest.mark.wide
@pytest.mark.parametrize("examples", EXAMPLES)
@pytest.mark.parametrize("indexer", [VelocityEventIndexer(), ImageIndexer()])
@pytest.mark.parametrize("suffix", [".json", ".json.gz"])
def test_params_and_metadata(
    dataset: ZarrDataset, fill: Callable[..., object], examples: int, indexer, suffix: str
) -> None:
    fill(dataset, {"a": 1, "b": 1})
    record = dataset.record("a")
    record.delete_analysis([".json"])
    path = record.artifact_path(indexer.params_artifact, suffix)

    def parse(data: bytes) -> None:
        path.write_bytes(data if suffix == ".json" else gzip.compress(data, 1))
        [first, second] = indexer.params_hashes(dataset, ["a", "b"]).hashes
        assert second is not None
        batch = indexer.extract_batch(dataset, ["a", "b"])
        assert set(batch.errors) <= {"a"}
        assert first is None or "a" in batch.errors or "a" in batch.rows["image_id"]
        for error in batch.errors.values():
            raise error

    try_often(mutated(SIDECAR) | as_json(PAYLOADS) | st.binary(max_size=99), parse, examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_packed_events(dataset: ZarrDataset, fill: Callable[..., object], examples: int) -> None:
    fill(dataset, {"a": 1, "b": 1})
    record = dataset.record("a")
    record.delete_analysis([".parquet"])
    path = record.artifact_path("velocity_events/events", ".csv.gz")
    good = b"roi_id,event_id,t_start_s,note\n1,0,0.5,x\n2,1,1.5,\n"

    def parse(data: bytes) -> None:
        path.write_bytes(data)
        batch = VelocityEventIndexer().extract_batch(dataset, ["a", "b"])
        assert set(batch.errors) <= {"a"}
        assert "b" in batch.rows["image_id"]
        for error in batch.errors.values():
            raise error

    packed = mutated(good).map(lambda data: gzip.compress(data, 1))
    try_often(packed | mutated(gzip.compress(good)), parse, examples)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_zarr_metadata(dataset: ZarrDataset, add_image, examples: int) -> None:
    record = add_image("a")
    file = record.path / "data" / "zarr.json"

    def parse(data: bytes) -> None:
        file.write_bytes(data)
        record.get_image_bounds()
        record.load_array()

    def swap(draw: st.DrawFn) -> bytes:
        header = json.loads(good)
        name = draw(st.sampled_from(sorted(header)))
        header[name] = draw(VALUES)
        return json.dumps(header).encode()

    good = file.read_bytes()
    try_often(mutated(good) | st.composite(swap)(), parse, examples)


COMMANDS = ["import", "index", "status", "sql", "tables", "schema", "no-such-command"]
WORDS = [
    *("DATASET", "DATASET", "FOLDER", "nowhere", "FOLDER/file", ".", "", "-", "--", "--help", "-x"),
    *("velocity_events", "images", "../x", "a/../../x", "x" * 5000, "\udcff", "a\nb", "\x1b[31m"),
    *("--images", "--where", "--mode", "--workers", "0", "-1", "9" * 30, "--format", "csv", "-o"),
    *("SELECT 1", "SELECT '", "DROP TABLE kym_images", "1; --", "'", '"', "$x", "{0}", "%s", "*"),
    *("--reason", "--explain", "--dry-run", "--changed", "--debug=1", "--limit", "NaN", "no-such"),
]


@pytest.mark.parametrize("examples", EXAMPLES)
def test_arguments_of_the_command(
    dataset: ZarrDataset,
    add_image,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    examples: int,
) -> None:
    """Whatever is asked of the command, it ends with a code that says so and no traceback."""
    add_image("a")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("x")
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    [command] = entry_points(group="console_scripts", name="kymflow")
    run = command.load()
    places = {"DATASET": str(dataset.path), "FOLDER": str(tmp_path / "folder")}

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.sampled_from(COMMANDS),
        st.lists(st.sampled_from(WORDS) | st.text(max_size=6), max_size=5),
    )
    def check(name: str, words: list[str]) -> None:
        for word, place in places.items():
            words = [given.replace(word, place) for given in words]
        monkeypatch.setattr(sys, "argv", ["kymflow", name, *(w.replace("\0", "") for w in words)])
        with pytest.raises(SystemExit) as end:
            run()
        said = capfd.readouterr()
        assert "Traceback" not in said.err, said.err
        assert end.value.code in (0, 1, 2), said.err
        assert end.value.code == 0 or said.err

    check()
