"""`--log`: what it takes, where it writes, and what is kept until a run goes wrong."""

import re
import subprocess
from pathlib import Path

import pytest

from support.cli.command import invoke, refused, write
from support.gnu import SYSTEM_QEMU, Find
from support.paths import PROGRAMS
from support.qemu.differences import trap_value
from trapline.isa.cause import CAUSE_CODE
from trapline.vm.cli.event_records import went_wrong
from trapline.vm.exit import Exit, ExitReason

STATUS = """
_start: la t0, handler
        csrw mtvec, t0
        ecall
        li t0, 0x100000
        li t1, {status}
        sw t1, 0(t0)
        .align 2
handler:
        csrr t2, mepc
        addi t2, t2, 4
        csrw mepc, t2
        mret
"""
WRONG, RIGHT = 0x33333, 0x5555


@pytest.mark.parametrize("options, part", [
    (("--log", "ints"), "'ints' is not one of int, exec, mmu, csr, last:N; did you mean 'int'?"),
    (("--log", "last:5"), "says nothing to log"), (("--log", "int,last:0"), "'0' is not a positive whole number"),
    (("--log", "int,last:2M"), "at most 1,000,000"), (("--log-file", "x"), "--log-file needs --log"),
    (("--log", "int,last:3", "--log-limit", "3"), "without last:N"),
    (("--log", "int", "--trace", "-"), "--trace and --log"),
    (("--log", "int", "--gdb", "1234"), "--log cannot be used with --gdb"),
])  # fmt: skip
def test_mistakes(tmp_path: Path, options: tuple[str, ...], part: str) -> None:
    refused(invoke("boot", write(tmp_path, "k.s", STATUS.format(status=RIGHT)), *options), part)


def test_where_it_goes(tmp_path: Path) -> None:
    kernel, log = write(tmp_path, "k.s", STATUS.format(status=RIGHT)), tmp_path / "log"
    plain = invoke("boot", kernel, "--log", "int,csr")
    assert plain.status == 0 and plain.stdout == b"" and len(plain.message.splitlines()) == 4
    assert invoke("boot", kernel, "--log", "int,csr", "--log-file", "-").stdout == plain.stderr
    assert invoke("boot", kernel, "-d", "int,csr", "-D", log).stderr == b""
    assert log.read_bytes() == plain.stderr
    assert invoke("virt", kernel, "--log", "int,csr").stderr == plain.stderr
    assert "epc 0x8000000c <_start+12> (" in plain.message and "k.s:4) tval" in plain.message


def test_no_input_is_overwritten(tmp_path: Path) -> None:
    kernel = write(tmp_path, "k.s", STATUS.format(status=RIGHT))
    assert invoke("boot", kernel, "--log", "int", "--log-file", kernel).status == 2
    assert "ecall" in kernel.read_text()


@pytest.mark.parametrize("items", ["int,csr", "exec", "exec,int,csr,mmu"])
def test_the_last_ones_are_printed_when_a_run_goes_wrong(tmp_path: Path, items: str) -> None:
    right, wrong = (write(tmp_path, f"{s}.s", STATUS.format(status=s)) for s in (RIGHT, WRONG))
    assert invoke("boot", right, "--log", f"{items},last:3").stderr == b""
    outcome = invoke("boot", wrong, "--log", f"{items},last:3")
    every = invoke("boot", wrong, "--log", items).message.splitlines()
    assert outcome.status == 3
    *lines, kept = outcome.message.splitlines()
    assert lines == every[-3:]
    if "exec" in items:
        assert re.fullmatch(r"trapline: these were the last 3 events; the run did \d+ instructions", kept)
    else:
        assert kept == f"trapline: these were the last 3 of {len(every)} events"


def test_the_last_instructions_before_a_limit(tmp_path: Path) -> None:
    options = ("boot", PROGRAMS / "boot/timer.s", "--max-instructions", "300")
    last, every = tmp_path / "last", tmp_path / "every"
    assert invoke(*options, "--log", "exec,last:100", "--log-file", last).status == 124
    printed = invoke(*options, "--log", "exec", "--log-file", every)
    assert printed.status == 124 and last.read_text().splitlines() == every.read_text().splitlines()[-100:]
    assert invoke(*options, "--log", "exec,last:100").stdout == printed.stdout  # not twice


@pytest.mark.parametrize("items, part", [("int", "cause 0x00000002 (illegal instruction)"), ("exec,int", " j .+0 at ")])
def test_a_dead_end_goes_wrong(tmp_path: Path, items: str, part: str) -> None:
    kernel = write(tmp_path, "k.s", "_start: la t0, h\ncsrw mtvec, t0\n.word 0\nh: j h\n")
    for command in ("boot", "virt"):
        outcome = invoke(command, kernel, "--log", f"{items},last:2")
        assert outcome.status == 124 and part in outcome.message
        assert "endless loop" in outcome.message


def test_what_goes_wrong() -> None:
    right = {ExitReason.HALT, ExitReason.QUIT}
    assert {reason for reason in ExitReason if not went_wrong(Exit(reason, 0, code=0))} == right
    assert went_wrong(Exit(ExitReason.HALT, 0, code=3))


def test_a_run_that_is_recorded_is_logged_and_not_disturbed(tmp_path: Path) -> None:
    typed, recording = write(tmp_path, "typed", "abc"), tmp_path / "recording"
    options = ("boot", PROGRAMS / "boot/uart-interrupt.s", "--input", typed)
    run = invoke(*options, "--log", "exec,int,last:3", "--record", recording)
    assert run.message.splitlines()[:3] == invoke(*options, "--log", "exec,int").message.splitlines()[-4:-1]
    again = invoke("replay", recording)
    assert (again.stdout, again.status) == (run.stdout, run.status)


def test_a_machine_that_was_saved_is_logged(tmp_path: Path) -> None:
    kernel, saved = write(tmp_path, "k.s", STATUS.format(status=WRONG)), tmp_path / "saved"
    every = invoke("boot", kernel, "--log", "int,csr").message.splitlines()
    assert invoke("boot", kernel, "--save", f"{saved}@4").status == 3
    assert invoke("resume", saved, "--log", "int,csr").message.splitlines() == every[2:]
    assert invoke("resume", saved, "--log", "int,csr,exec,last:2").message.splitlines()[:2][-1].startswith("exec")


def test_the_limit_is_said(tmp_path: Path) -> None:
    kernel, log = write(tmp_path, "k.s", STATUS.format(status=RIGHT)), tmp_path / "log"
    assert invoke("boot", kernel, "--log", "int,csr", "--log-limit", "2", "--log-file", log).stderr == b""
    assert len(log.read_text().splitlines()) == 2


def test_traps_are_those_of_qemu(tool: Find, tmp_path: Path) -> None:
    pattern = r"async:(\d+), cause:([0-9a-f]+), epc:0x([0-9a-f]+), tval:0x([0-9a-f]+)"
    for kernel in ("boot/ecall", "boot/sv32", "boot/pmp", "boot/delegation"):
        elf = tmp_path / "kernel"
        built = invoke("asm", PROGRAMS / f"{kernel}.s", "-o", elf, "--text-base", "0x80000000")
        assert built.status == 0, built
        command = [tool("qemu-system-riscv32"), *SYSTEM_QEMU, "-d", "int", "-D", str(tmp_path / "log"), "-kernel", elf]
        subprocess.run(command, capture_output=True, timeout=60, check=False)
        expected = [tuple(int(n, 16) for n in found) for found in re.findall(pattern, (tmp_path / "log").read_text())]
        ours = tmp_path / "ours"
        assert not invoke("boot", elf, "--log", "int", "--log-file", ours).stderr
        found = re.findall(
            r"^int .* (exception|interrupt) .* cause (\w+) .* epc (\w+).* tval (\w+)", ours.read_text(), re.M
        )
        assert [
            (
                kind == "interrupt",
                code := int(cause, 16) & CAUSE_CODE,
                int(epc, 16),
                trap_value(code, int(tval, 16), 0)[1],
            )
            for kind, cause, epc, tval in found
        ] == expected and expected


def test_a_process_is_logged(tmp_path: Path) -> None:
    outcome = invoke("run", PROGRAMS / "hello.s", "--log", "int")
    assert outcome.status == 0 and [line.split()[3] for line in outcome.message.splitlines()] == ["served"] * 2
    wrong = write(tmp_path, "p.s", "_start: li a0, 1\n.word 0\n")
    assert "00000000" in invoke("run", wrong, "--log", "exec,last:2").message.splitlines()[-2]


def test_one_guest_at_a_time(tmp_path: Path) -> None:
    kernel = write(tmp_path, "k.s", STATUS.format(status=RIGHT))
    refused(invoke("virt", kernel, kernel, "--log", "int"), "--log is for one guest")
    refused(invoke("virt", kernel, "--compare", "--log", "int"), "--log")
