"""The wheel holds what runs and nothing else, and works far from the checkout; the sdist holds the tests as well."""

import configparser
import importlib.util
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_string
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.paths import ROOT
from trapline.vm.cli import main
from trapline.vm.cli.documents import SPECIFICATION, documents

PACKAGES = ("isa", "asm", "vm")
"""Folders at the top that are packages of `trapline`."""
TOPIC = re.compile(rb"trapline docs ([a-z]\S*)")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the checkout; pip fetches the build backend from its package index."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", str(ROOT), "--no-deps", "-w", str(folder), "-q"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if result.returncode:
        missing = any(text in result.stderr for text in ("No module named pip", "No matching distribution found"))
        if missing and os.environ.get("TRAPLINE_REQUIRE_TOOLS") != "1":
            pytest.skip("pip or the build backend cannot be had here")
        pytest.fail(result.stderr[-2000:])
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def files(folder: Path, *suffixes: str) -> set[str]:
    """Paths below a folder that belong to a fresh checkout."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and (not suffixes or path.suffix in suffixes)
    }


def run(unpacked: Path, folder: Path, *words: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """`trapline WORDS` with the unpacked wheel, and nothing of the checkout, to import from."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment["PYTHONPATH"] = str(unpacked)
    environment["NUMBA_CACHE_DIR"] = str(folder)
    script = (
        "import trapline, sys; assert trapline.__file__.startswith(sys.argv.pop(1)), trapline.__file__; "
        "from trapline.vm.cli.main import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", script, str(unpacked), *words],
        input=stdin, capture_output=True, cwd=folder, env=environment, timeout=120, check=False,
    )  # fmt: skip


def test_the_wheel_holds_the_package_whole(unpacked: Path) -> None:
    for package in PACKAGES:
        assert files(unpacked / "trapline" / package, ".py", ".lark") >= files(ROOT / package, ".py", ".lark"), package
    assert (unpacked / "trapline/asm/grammar.lark").read_bytes() == (ROOT / "asm/grammar.lark").read_bytes()


def test_the_wheel_holds_the_programs(unpacked: Path) -> None:
    assert (unpacked / "trapline/programs/hello.s").is_file()
    assert files(unpacked / "trapline/programs") >= files(ROOT / "programs", ".s", ".inc")
    for name in files(ROOT / "programs", ".s", ".inc"):
        assert (unpacked / "trapline/programs" / name).read_bytes() == (ROOT / "programs" / name).read_bytes()


def test_the_wheel_holds_the_documents(unpacked: Path) -> None:
    """The pages that `trapline docs` shows, and nothing of what builds the site."""
    held = files(unpacked / "trapline/docs")
    assert all(name.endswith(".md") for name in held)
    shown = {f"{topic}.md" for topic in documents() if topic != SPECIFICATION}
    assert shown <= held <= files(ROOT / "docs", ".md") and len(shown) > 20
    for name in held:
        assert (unpacked / "trapline/docs" / name).read_bytes() == (ROOT / "docs" / name).read_bytes()
    assert (unpacked / "trapline/SPECIFICATION.md").read_bytes() == (ROOT / "SPECIFICATION.md").read_bytes()


def test_the_wheel_holds_nothing_else(wheel: Path, unpacked: Path) -> None:
    metadata = [path.name for path in unpacked.glob("*.dist-info")]
    assert len(metadata) == 1
    assert {path.name for path in unpacked.iterdir()} == {"trapline", *metadata}, "no isa, asm or vm of its own"
    for name in files(unpacked):
        assert not any(part in ("tests", "benchmarks", "conftest.py") for part in Path(name).parts), name
        assert "__pycache__" not in name and not Path(name).name.startswith((".", "test_")), name
    assert wheel.name.endswith("-py3-none-any.whl") and wheel.stat().st_size < 2 << 20


def test_the_wheel_says_what_it_needs(unpacked: Path) -> None:
    (folder,) = unpacked.glob("*.dist-info")
    entries = configparser.ConfigParser()
    entries.read(folder / "entry_points.txt")
    assert dict(entries["console_scripts"]) == {"trapline": "trapline.__main__:run"}
    metadata = message_from_string((folder / "METADATA").read_text(encoding="utf-8"))
    assert metadata["Name"] == "trapline" and metadata["Requires-Python"] == ">=3.11"
    required = [line for line in metadata.get_all("Requires-Dist") or [] if "extra ==" not in line]
    names = {line.replace(">", " ").replace("=", " ").replace("<", " ").split()[0] for line in required}
    assert {"numba", "numpy", "lark", "click", "rich", "pcpp", "msgspec", "zstandard"} == names
    assert set(metadata.get_all("Provides-Extra") or []) >= {"test"}
    assert (metadata.get_payload() or "").startswith("# Trapline"), "the README is the description"
    assert metadata["License-Expression"] == "MIT" and metadata.get_all("License-File") == ["LICENSE"]
    assert (folder / "licenses/LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_it_lists_its_programs(unpacked: Path, tmp_path: Path) -> None:
    result = run(unpacked, tmp_path, "run", "--list")
    assert result.returncode == 0, result.stderr
    listed = {line.split()[0] for line in result.stdout.decode().splitlines()}
    assert {"programs/hello.s", "programs/boot/timer.s"} <= listed or {"hello.s", "boot/timer.s"} <= listed, listed


@pytest.mark.parametrize("name", ["programs/hello.s", "hello"])
def test_it_runs_a_program_by_name(name: str, unpacked: Path, tmp_path: Path) -> None:
    result = run(unpacked, tmp_path, "run", name)
    expected = (ROOT / "programs/expected/hello.out").read_bytes()
    assert (result.returncode, result.stdout) == (0, expected), result.stderr


def test_it_boots_a_program_with_its_includes(unpacked: Path, tmp_path: Path) -> None:
    result = run(unpacked, tmp_path, "boot", "programs/boot/uart-hello.s")
    assert result.returncode == 0 and result.stdout, result.stderr


def test_it_builds_the_operating_system_of_the_demo(unpacked: Path, tmp_path: Path) -> None:
    assert files(unpacked / "trapline/programs/kernels/burrow") == files(ROOT / "programs/kernels/burrow")
    before = files(unpacked)
    result = run(unpacked, tmp_path, "demo", "hello")
    assert (result.returncode, result.stdout) == (0, b"hello, world\n"), result.stderr
    assert files(unpacked) == before and not list(unpacked.glob("trapline/programs/**/__pycache__"))


def test_it_shows_its_documents(unpacked: Path, tmp_path: Path) -> None:
    """Of every document that a command names in its help there is a page, and of the specification."""
    topics = {
        topic for name in main.COMMANDS for topic in TOPIC.findall(run(unpacked, tmp_path, name, "--help").stdout)
    }
    assert len(topics) > 10
    topics.add(SPECIFICATION.encode())
    for topic in sorted(topics):
        result = run(unpacked, tmp_path, "docs", topic.decode())
        assert result.returncode == 0 and result.stdout.startswith(b"# "), (topic, result.stderr)


def test_it_assembles_and_disassembles(unpacked: Path, tmp_path: Path) -> None:
    assert run(unpacked, tmp_path, "asm", "programs/hello.s", "-o", "hello").returncode == 0
    result = run(unpacked, tmp_path, "disasm", "hello")
    assert result.returncode == 0 and b"ecall" in result.stdout, result.stderr


def test_citation_and_package_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8").splitlines()
    for line in (f"version: {project['version']}", f"license: {project['license']}"):
        assert line in citation


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the sdist of the checkout unpacks to."""
    if not find_spec("hatchling"):
        if os.environ.get("TRAPLINE_REQUIRE_TOOLS") == "1":
            pytest.fail("hatchling is not installed")
        pytest.skip("hatchling is not installed")
    folder = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (built,) = folder.glob("*.tar.gz")
    with tarfile.open(built) as archive:
        archive.extractall(folder)
    return folder / built.name.removesuffix(".tar.gz")


def test_the_sdist_holds_every_file_of_the_repository(source: Path) -> None:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("this is not a git checkout")
    tracked = {name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()}
    assert tracked - files(source) == set()


def test_the_sdist_passes_its_tests(source: Path) -> None:
    """A sample: of each kind of file that tests read, one test that reads it."""
    sample = ["tests/docs/test_holes.py", "tests/docs/test_paths.py"]
    sample += ["tests/test_architecture.py::test_rooms_import_what_the_table_gives_them"]
    sample += ["tests/isa/test_declarations.py", "tests/asm/test_diagnostics.py"]
    sample += ["tests/programs/burrow/test_burrow_build.py::test_the_command_makes_a_kernel"]
    environment = os.environ | {"PYTHONPATH": str(source)}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", *sample]
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stdout[-3000:]
    where = [sys.executable, "-c", "import trapline; print(trapline.__file__)"]
    assert Path(subprocess.check_output(where, cwd=source, env=environment, text=True)).is_relative_to(source)


USER = """
from trapline import AsmError, ExitReason, Machine, Process, assemble, disassemble

machine = Machine.from_source("_start: li a0, 41; addi a0, a0, 1; ebreak")
machine.csr["mscratch"] = machine.step(2).pc
exit = machine.run(max_instructions=100)
total: int = machine.x["a0"] + machine.csr["mcause"] + machine.instret + machine.harts[0].pc * 0
memory: bytes = machine.read(machine.symbols["_start"], 4)
lines: list[str] = disassemble(assemble("addi a0, a0, 1").code) + [disassemble(0x13)]
result = Process.from_source("_start: li a0, 3; li a7, 93; ecall").run()
print(exit.reason is ExitReason.LIMIT, total > 0, memory.hex(), lines, result.exit_code, AsmError.__name__)
"""
"""A user's program, short and with everything that it is given annotated as it should be."""


WRONG = """from trapline import Machine, Process, assemble, disassemble
Machine.from_source("nop", memroy=4096)
Machine.from_source("nop", memory="1M")
Process.from_elf(b"", max_output="1k")
text: str = disassemble(b"")
assemble("nop", text_base="0x1000")
Machine().x["a0"] = "1"
"""
"""A mistake in each line but the first."""


@pytest.fixture(scope="module")
def installed(unpacked: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment in which the wheel is installed, over the libraries of this one."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=120)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for part in unpacked.iterdir():
        (packages / part.name).symlink_to(part)
    libraries = [path for path in sys.path if path.endswith("-packages")]
    (packages / "libraries.pth").write_text("\n".join(libraries) + "\n")
    return folder / "bin/python"


def python(installed: Path, folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run that Python in a folder, with nothing of the checkout to import from."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | variables
    command = [str(installed), *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False
    )  # fmt: skip


def test_a_users_program_runs_and_has_types(installed: Path, tmp_path: Path) -> None:
    """No `Any` reaches the user's own lines."""
    (tmp_path / "user.py").write_text(USER)
    done = python(installed, tmp_path, "user.py")
    expected = "True True 13059002 ['addi a0, a0, 1', 'nop'] 3 AsmError\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, expected, "")
    if importlib.util.find_spec("mypy") is None:
        pytest.skip("mypy is not installed")
    done = python(installed, tmp_path, "-m", "mypy", "--strict", "--disallow-any-expr", "user.py")
    assert (done.returncode, done.stdout) == (0, "Success: no issues found in 1 source file\n"), done.stderr
    (tmp_path / "wrong.py").write_text(WRONG)
    done = python(installed, tmp_path, "-m", "mypy", "--strict", "wrong.py")
    found = [int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error: " in line]
    assert found == list(range(2, 2 + WRONG.count("\n") - 1)), done.stdout


COMMANDS = {
    "module": ("-m", "trapline"),
    "command": ("-c", "import sys; from trapline.__main__ import run; sys.argv[0] = 'trapline'; run()"),
}
"""Both ways to start it; the second is what the script of that name does."""


@pytest.mark.parametrize("how", COMMANDS)
def test_files_with_the_names_of_our_folders_are_not_imported(how: str, installed: Path, tmp_path: Path) -> None:
    for name in ("vm", "isa", "asm", "programs", "support"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')\n")
    version = python(installed, tmp_path, *COMMANDS[how], "--version")
    assert (version.returncode, version.stderr) == (0, "") and version.stdout.startswith("trapline"), version
    hello = python(installed, tmp_path, *COMMANDS[how], "run", "hello")
    assert (hello.returncode, hello.stdout) == (0, (ROOT / "programs/expected/hello.out").read_text()), hello


@pytest.mark.parametrize("where", ["in front", "behind"])
def test_another_package_called_asm_is_not_in_the_way(where: str, installed: Path, tmp_path: Path) -> None:
    """As `pip install asm` would bring it."""
    (tmp_path / "site/asm").mkdir(parents=True)
    (tmp_path / "site/asm/__init__.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "here").mkdir()
    script = "import sys; sys.path.append(sys.argv.pop(1)); from trapline.__main__ import run; run()"
    for words in (["run", "hello"], ["asm", "programs/hello.s", "-o", "hello"], ["disasm", "hello"]):
        if where == "in front":
            done = python(installed, tmp_path / "here", *COMMANDS["module"], *words, PYTHONPATH=str(tmp_path / "site"))
        else:
            done = python(installed, tmp_path / "here", "-c", script, str(tmp_path / "site"), *words)
        assert done.returncode == 0 and "imported" not in done.stderr, done
