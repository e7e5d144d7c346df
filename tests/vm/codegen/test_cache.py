"""The compiled engine's cache: concurrent first runs, damaged files, read-only folders."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.paths import PROGRAMS

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.environ.get("TRAPLINE_ENGINE") == "python", reason="nothing is compiled"),
]

PROGRAM = PROGRAMS / "hello.s"


def start(cache: Path, **variables: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "TRAPLINE_CACHE_DIR": str(cache), **variables}
    environment.pop("NUMBA_BOUNDSCHECK", None)
    command = [sys.executable, "-m", "trapline", "run", str(PROGRAM)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ended(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    output, errors = process.communicate(timeout=180)
    assert process.returncode == 0, errors.decode()
    return output, errors


def objects(cache: Path) -> list[Path]:
    return sorted(cache.glob("engine-*.o"))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache that two first runs side by side have filled.

    Variables of numba's must not change what is kept, because others load it.
    """
    cache = tmp_path_factory.mktemp("cache")
    results = [ended(process) for process in [start(cache, NUMBA_DISABLE_JIT="1"), start(cache, NUMBA_OPT="0")]]
    for output, errors in results:
        assert output == b"Hello from RISC-V!\n"
        assert b"compil" in errors  # a first run explains the delay
    return cache


def test_first_runs_side_by_side(filled: Path) -> None:
    assert len(objects(filled)) == 1
    assert not list(filled.glob("*.tmp"))
    before = objects(filled)[0].stat().st_mtime_ns
    assert ended(start(filled)) == (b"Hello from RISC-V!\n", b"")  # never compiled again
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
            [sys.executable, "-c", READ_ONLY, "run", str(PROGRAM)], env=environment, capture_output=True, timeout=60
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
