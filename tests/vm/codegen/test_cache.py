"""The compiled engine's cache: concurrent first runs, damaged files, read-only folders."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.budget import NIGHTLY
from support.cli.command import command, environment
from support.paths import PROGRAMS
from trapline.vm.codegen import native

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("TRAPLINE_ENGINE") == "python", reason="nothing is compiled"),
]

PROGRAM = PROGRAMS / "hello.s"


def start(cache: Path, **variables: str) -> subprocess.Popen[bytes]:
    """A run of PROGRAM with this cache folder."""
    return started(command("run", PROGRAM), cache, **variables)


def started(words: list[str], cache: Path, **variables: str) -> subprocess.Popen[bytes]:
    changed = environment(TRAPLINE_CACHE_DIR=str(cache), NUMBA_BOUNDSCHECK=None, **variables)
    return subprocess.Popen(words, env=changed, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    output, errors = process.communicate()
    assert process.returncode == 0, errors.decode()
    return output, errors


def objects(cache: Path, kind: str = "engine") -> list[Path]:
    return sorted(cache.glob(f"{kind}-*.o"))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that has the engine and nothing else: what the folder of all tests has."""
    file, _ = native.warm(native.ENGINE, native.engine_key())
    assert file is not None
    cache = tmp_path_factory.mktemp("cache")
    shutil.copy(file, cache)
    return cache


# Numba's variables must not change what is kept, because others load it.
VARIABLES = [{"NUMBA_DISABLE_JIT": "1"}, {"NUMBA_OPT": "0"}, {}]

# Like the engine it has functions that call each other, and is compiled in a second.
SMALL = """
import sys, types
sys.modules["small"] = types.ModuleType("small")
sys.modules["small"].text = lambda: '''
from numba import cfunc, njit, types

@njit(no_cpython_wrapper=True, no_cfunc_wrapper=True)
def total(count):
    found = 0
    for number in range(count):
        found += number * number ^ 5
    return found

@cfunc(types.int64(types.int64))
def entry(count):
    return total(count) + total(count // 2)
'''
from ctypes import CFUNCTYPE, c_int64
from contextlib import contextmanager
from trapline.vm.codegen import native, source

@contextmanager
def announce(kind):
    print("compiling")
    yield

(address,) = native.load(source.Source("small", "small", "text", ("entry",)), "key", announce)
print(CFUNCTYPE(c_int64, c_int64)(address)(10))
"""
RESULT = sum(n * n ^ 5 for n in range(10)) + sum(n * n ^ 5 for n in range(5))


def test_first_loads_side_by_side(tmp_path: Path) -> None:
    """Both compile and keep the same, which a third finds; and so does one elsewhere."""
    words = [sys.executable, "-c", SMALL]
    shared, alone = tmp_path / "shared", tmp_path / "alone"
    first = [
        started(words, folder, **variables)
        for folder, variables in zip((shared, alone, shared), VARIABLES, strict=True)
    ]
    assert {ended(process)[0] for process in first} <= {f"compiling\n{RESULT}\n".encode(), f"{RESULT}\n".encode()}
    (kept,) = objects(shared, "small")
    assert kept.read_bytes() == objects(alone, "small")[0].read_bytes()
    assert not list(shared.glob("*.tmp"))
    before = kept.stat().st_mtime_ns
    assert ended(started(words, shared)) == (f"{RESULT}\n".encode(), b"")
    assert kept.stat().st_mtime_ns == before


@pytest.mark.skipif(not NIGHTLY, reason="compiles the engine twice")
@pytest.mark.timeout(1800)
def test_first_runs_side_by_side(filled: Path, tmp_path: Path) -> None:
    for output, errors in [ended(process) for process in [start(tmp_path, **v) for v in VARIABLES[:2]]]:
        assert output == b"Hello from RISC-V!\n"
        assert b"compil" in errors  # a first run explains the delay
    (kept,) = objects(tmp_path)
    assert kept.read_bytes() == objects(filled)[0].read_bytes()
    assert not list(tmp_path.glob("*.tmp"))


def test_a_later_run_compiles_nothing(filled: Path) -> None:
    before = objects(filled)[0].stat().st_mtime_ns
    for variables in VARIABLES:
        assert ended(start(filled, **variables)) == (b"Hello from RISC-V!\n", b"")
    assert objects(filled)[0].stat().st_mtime_ns == before


@pytest.mark.parametrize("damage", ["cut", "flipped"])
def test_a_damaged_file_is_made_again(filled: Path, tmp_path: Path, damage: str) -> None:
    content = bytearray(objects(filled)[0].read_bytes())
    if damage == "cut":
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 1
    (tmp_path / objects(filled)[0].name).write_bytes(content)
    code = (
        "from trapline.vm.codegen import native; "
        "print(native.read('engine', native.engine_key()) is None, native.is_compiled())"
    )
    environment = {**os.environ, "TRAPLINE_CACHE_DIR": str(tmp_path)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert result.stdout.split()[0] == b"True"


# What root may write is taken away by hand.
READ_ONLY = """
import os, sys
access = os.access
os.access = lambda path, how, **options: not how & os.W_OK and access(path, how, **options)
from trapline.vm.cli.main import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("where", ["named", "home"])
def test_a_folder_that_cannot_be_written_is_used(filled: Path, tmp_path: Path, where: str) -> None:
    """As in an image or a lab: nothing is compiled, at no run."""
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    environment.pop("NUMBA_BOUNDSCHECK", None)
    environment.pop("TRAPLINE_CACHE_DIR", None)
    if where == "named":
        environment["TRAPLINE_CACHE_DIR"] = str(filled)
    else:
        (tmp_path / "cache").mkdir()
        (tmp_path / "cache" / "trapline").symlink_to(filled)
    before = sorted(filled.iterdir())
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", READ_ONLY, "run", str(PROGRAM)], env=environment, capture_output=True
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"Hello from RISC-V!\n", b"")
    assert sorted(filled.iterdir()) == before


def test_a_cache_folder_that_cannot_be_made(filled: Path, tmp_path: Path) -> None:
    """Falls back to a folder of its own, which is removed afterwards."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    code = "from trapline.vm.codegen.cache_folders import folder_to_write; print(folder_to_write())"
    environment = {**os.environ, "TRAPLINE_CACHE_DIR": str(blocked / "cache"), "TMPDIR": str(scratch)}
    environment |= {"HOME": str(blocked), "XDG_CACHE_HOME": ""}
    result = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert Path(result.stdout.decode().strip()).parent == scratch
    assert list(scratch.iterdir()) == []
