"""`trapline vmm`: kernels in Warren, at any depth, under the hosted hypervisor, as an image; and mistakes."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from support.budget import PLAIN
from support.burrow.build import build_script as burrow
from support.gnu import Find
from support.kernels.c_kernel import build as build_c
from support.kernels.foreign import guest
from support.paths import PROGRAMS, TESTS
from support.qemu.firmware import qemu_over_sbi
from trapline.vm.cli import warren
from trapline.vm.cli.main import main

SESSION = (TESTS / "programs/burrow/session.in").read_bytes()
CONSOLE = (TESTS / "programs/burrow/session.out").read_bytes()
HELLO = b"hello\nexit\n"
pytestmark = [pytest.mark.once, pytest.mark.skipif(PLAIN, reason="takes the compiled engine")]
LINUX = ("--memory", "64M", "--append", "console=hvc0 earlycon=sbi")


def vmm(*words: str, stdin: bytes = b"") -> Result:
    """`trapline vmm WORDS`, which must not end in a traceback."""
    result = CliRunner().invoke(main, ["vmm", *words], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def table(stderr: str) -> dict[str, list[int]]:
    """What --stats prints of the levels: numbers by row."""
    rows = stderr[stderr.index("\nWarren ") :].splitlines()[2:]
    return {row.split()[0]: [int(cell.replace(",", "")) for cell in row.split()[1:]] for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_session_at_every_depth(depth: int) -> None:
    result = vmm("burrow", "--depth", str(depth), "--stats", stdin=SESSION)
    assert (result.stdout_bytes.decode(), result.exit_code) == (CONSOLE.decode(), 0)
    rows = table(result.stderr)
    assert set(rows) == set(warren.counter_names())
    assert len(rows["exits"]) == depth
    for outer in range(depth - 1):
        # Each exit of a level ends with an sret, which the level below it has to emulate.
        assert abs(rows["sret"][outer] - rows["exits"][outer + 1]) <= 1
        assert 5 < rows["exits"][outer] / rows["exits"][outer + 1] < 20


@pytest.mark.slow
@pytest.mark.parametrize("depth", [1, 2])
def test_linux(depth: int) -> None:
    result = vmm(str(guest("linux/Image")), *LINUX, "--depth", str(depth))
    assert result.exit_code == 0 and b"init: LINUX-USERLAND-OK" in result.stdout_bytes


@pytest.mark.parametrize("technique", ["trap", "hybrid", "patch", "translate", "assist"])
def test_under_every_technique(technique: str) -> None:
    result = vmm("burrow", "--technique", technique, stdin=HELLO)
    assert result.exit_code == 0 and result.stdout_bytes.endswith(b"hello, world\n$ exit\n")


def test_several_guests(tmp_path: Path, tool: Find) -> None:
    """Each with its name before its lines; the end of the input ends the shells, one after the other."""
    kernel = build_c(tool("riscv64-unknown-elf-gcc"), tmp_path / "small.elf", supervisor=True)
    result = vmm("burrow", str(kernel), "burrow", "--memory", "16M:8M:8M", stdin=b"hello\n")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert "burrow1| hello, world" in lines and "small| no program is left" in lines
    ends = [line for line in lines if line.startswith("warren: ")]
    assert sorted(ends) == [f"warren: {name} ended with status 0" for name in ("burrow1", "burrow2", "small")]


def test_names_and_status(tmp_path: Path) -> None:
    """The machine ends with the largest status."""
    paths = []
    for name, words in {"good": ["hello"], "bad": ["cat", "nothing"]}.items():
        paths.append(tmp_path / name)
        paths[-1].write_bytes(burrow().build("supervisor", words))
    result = vmm(*map(str, paths), "--name", "first", "--name", "second one")
    assert result.exit_code == 1
    assert "first| hello, world" in result.stdout and "warren: second one ended with status 1" in result.stdout


@pytest.mark.parametrize("mleak, status", [("0", 124), ("0xff", 0)])
def test_a_hole_and_its_cure(mleak: str, status: int, tmp_path: Path) -> None:
    """A kernel with popf never wakes in Warren, unless the hart traps it and Warren emulates it."""
    kernel = tmp_path / "popf.elf"
    kernel.write_bytes(burrow().build("supervisor", ["count", "2"], {"XPOPF": 1}))
    options = ["--isa", "rv32ima_xpopf", "--mleak", mleak, "--define", "XPOPF=1", "--max-instructions", "4M"]
    result = vmm(str(kernel), *options)
    assert (result.exit_code, result.stdout) == (status, "1\n" if status else "1\n2\n")


def test_image_for_qemu(tmp_path: Path, tool: Find) -> None:
    image = tmp_path / "warren.elf"
    result = vmm("burrow", "--depth", "2", "--out", str(image))
    assert (result.exit_code, result.output) == (0, "")
    theirs = qemu_over_sbi(tool, image, "-m", "64M", stdin=HELLO)
    assert theirs.status == 0 and theirs.output.endswith(b"hello, world\n$ exit\n"), theirs.output


MACHINE = "m-mode.elf"
MISTAKES = {
    (): "Missing argument 'GUEST...'",
    ("absent.elf",): "absent.elf",
    (MACHINE,): f"{MACHINE}: is no kernel for S mode; Warren runs kernels that start in S mode over an SBI",
    ("programs/boot/timer.s",): "--text-base 0x80400000 -o timer.elf",
    ("burrow", "--name", "a", "--name", "b"): "--name: 2 names for 1 guest",
    ("burrow", "burrow", "--memory", "16M:16M:16M"): "--memory: 3 values for 2 guests",
    ("burrow", "--memory", "4M"): "--memory SIZE gives it more",
    ("burrow", "--depth", "0"): "--depth",
    ("burrow", "--name", "n" * 16): "has more than 15 bytes",
    ("burrow", "--define", "POOL_PAGES=what"): "--define POOL_PAGES=what: what is no number",
    ("burrow", "--define", "5=1"): "--define 5=1: 5 is no symbol",
    ("burrow", "--mleak", "1"): "--mleak needs a machine with a hole of Xleak",
    ("burrow",) * 9: "9 guests",
    ("burrow", "--technique", "bare"): "--technique",
}  # fmt: skip


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_mistakes(words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(MACHINE).write_bytes(burrow().build("plain", ["hello"]))
    result = vmm(*words)
    assert result.exit_code == 2 and MISTAKES[words] in re.sub(r"\s+", " ", result.stderr), result.stderr


def test_no_source_of_warren_is_overwritten() -> None:
    source = PROGRAMS / "hypervisors/warren/boot.s"
    before = source.read_bytes()
    result = vmm("burrow", "--out", str(source))
    assert result.exit_code == 2 and "choose another name" in result.stderr
    assert source.read_bytes() == before
