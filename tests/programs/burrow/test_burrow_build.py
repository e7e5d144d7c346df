"""How Burrow is built, and that its README is true."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from support.burrow.build import build_script
from support.paths import BURROW
from trapline import ExitReason, Machine

pytestmark = pytest.mark.once

SOURCES = sorted(p for p in [*BURROW.glob("*.s"), *BURROW.glob("*.inc"), *BURROW.glob("user/*"), *BURROW.glob("*.py")])
README = (BURROW / "README.md").read_text()


def command(*words: str) -> subprocess.CompletedProcess[str]:
    """`python build.py WORDS`"""
    return subprocess.run(
        [sys.executable, str(BURROW / "build.py"), *words], capture_output=True, text=True, timeout=60, check=False
    )


def test_the_command_makes_a_kernel(tmp_path: Path) -> None:
    elf, extra = tmp_path / "burrow.elf", tmp_path / "extra.s"
    extra.write_text('.include "user.inc"\n.text\n.globl main\nmain: enter; call print; say "!"; li a0, 6; leave\n')
    done = command("--out", str(elf), "--init", "extra", "one", "two", "--program", str(extra), "--define",
                   "TIMER_PERIOD=77", "--define", "RANDOM_SEED=5")  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    machine = Machine.from_elf(elf.read_bytes(), memory=8 << 20)
    assert machine.read(machine.symbols["timer_period"], 8) == bytes([77, 0, 0, 0, 5, 0, 0, 0])
    exit = machine.run(max_instructions=1_000_000)
    assert (exit.reason, exit.code, machine.console.output) == (ExitReason.HALT, 6, b"one two!")


@pytest.mark.parametrize("variant", build_script().VARIANTS)
def test_builds_are_the_same_each_time(variant: str) -> None:
    script = build_script()
    first = script.build(variant)
    script._kernel.cache_clear()
    assert script.build(variant) == first
    assert script.build(variant, files={"a": b"text"}) != first


def test_one_assembly_serves_all_first_processes() -> None:
    build = build_script().build
    plain, other = build(), build(init=["echo", "a\\b", '"c"'])
    different = [at for at, (one, two) in enumerate(zip(plain, other, strict=True)) if one != two]
    machine = Machine.from_elf(other, memory=8 << 20)
    assert machine.read(machine.symbols["init_name"], 24) == b"echo".ljust(24, b"\0")
    assert machine.read(machine.symbols["init_arguments"], 128) == b'a\\b "c"'.ljust(128, b"\0")
    assert different[-1] - different[0] < 24 + 128


@pytest.mark.parametrize(
    "words, message",
    [
        (["--init", "n" * 24], "has more than 23 bytes"),
        (["--init", "echo", "a" * 128], "has more than 127 bytes"),
        (["--program", "absent.s"], "absent.s"),
        (["--define", "TIMER_PERIOD=what"], "TIMER_PERIOD"),
        (["--variant", "other"], "invalid choice"),
        ([], "--out"),
    ],
)
def test_mistakes(words: list[str], message: str, tmp_path: Path) -> None:
    out = ["--out", str(tmp_path / "burrow.elf")] if words else []
    done = command(*out, *words)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr, done.stderr
    assert not (tmp_path / "burrow.elf").exists()


def test_out_that_cannot_be_written(tmp_path: Path) -> None:
    done = command("--out", str(tmp_path))
    assert done.returncode == 2 and "Traceback" not in done.stderr


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.name)
def test_each_file_says_what_it_is(source: Path) -> None:
    text = source.read_text()
    assert re.match(rf'(#!.*\n)?(# |""")?{source.name} - ', text), text[:80]
    lines = text.splitlines()
    assert len(lines) <= 400 and all(len(line) <= 120 for line in lines)


def test_the_page_has_all_calls_in_order() -> None:
    names = re.findall(r"\.equ\s+CALL_(\w+), (\d+)", (BURROW / "calls.inc").read_text())
    assert [(name.lower(), number) for name, number in names] == [
        (row[2], row[1]) for row in re.findall(r"^(\| (\d+) \| (\w+) \|)", README, re.M)
    ]
    table = (BURROW / "syscalls.s").read_text().partition("system_calls:")[2].partition(".bss")[0]
    assert re.findall(r"call_(\w+)", table) == [name.lower() for name, _ in names]


def test_the_page_has_all_files_and_library_functions() -> None:
    for path in [*BURROW.glob("*.s"), *BURROW.glob("*.inc"), *BURROW.glob("*.py")]:
        assert f"[{path.name}]({path.name})" in README, path.name
    library = "".join((BURROW / "user" / name).read_text() for name in ("lib.s", "text.inc"))
    for name in re.findall(r"^library_function (\w+)", library, re.M):
        assert f"`{name}`" in README, name


def test_the_page_has_the_memory_map_and_limits() -> None:
    values = dict(re.findall(r"\.equ\s+(\w+), (0x[0-9a-f]+|\d+)\b", (BURROW / "burrow.inc").read_text()))
    for name in ("IMAGE", "REGIONS", "STACKS", "REGION_SPACING", "STACK_SPACING"):
        assert values[name] in README, name
    for name, text in {
        "MOST_PROCESSES": "at most {} processes", "MOST_THREADS": "and {} threads", "MOST_THREADS_EACH": "{} of them",
        "MOST_REGIONS": "{} regions", "REGION_PAGES": "at most {} pages", "LEAST_PERIOD": "at least {} |",
    }.items():  # fmt: skip
        assert text.format(values[name]) in README, name


def test_out_is_no_source(tmp_path: Path) -> None:
    extra = tmp_path / "extra.s"
    extra.write_text(".globl main\nmain: ret\n")
    (tmp_path / "link").symlink_to(extra)
    for out in (extra, tmp_path / "link"):
        done = command("--out", str(out), "--program", str(extra))
        assert done.returncode == 2 and "is one of the sources" in done.stderr, done.stderr
    assert extra.read_text() == ".globl main\nmain: ret\n"
