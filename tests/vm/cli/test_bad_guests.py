"""Guests that misbehave: the run ends with a message and the right status, in bounded time and memory.

Statuses are a shell's for what Linux would have done to the process (139 for SIGSEGV), and 124, as timeout(1)
has it, for a limit. On the bare machine addresses are those of QEMU's `virt`, where 0x1000 is ROM.
"""

import json
import subprocess

import pytest

from support.cli.command import MIB, Outcome, check_ending, command, execute, invoke, watchdog, write
from trapline.vm.host.captured import CAPTURE_LIMIT
from trapline.vm.host.console import Console

LOOP = "_start: addi t0, t0, 1\n j _start"
LIMITED = ("--max-instructions", "100k")


def run(folder, text: str, *options: str, stdin: bytes = b"") -> Outcome:
    """A user program given as text."""
    return invoke("run", write(folder, "guest.s", text), *options, stdin=stdin)


def boot(folder, text: str, *options: str, stdin: bytes = b"") -> Outcome:
    """A kernel given as text."""
    return invoke("boot", write(folder, "guest.s", text), *options, stdin=stdin)


def ended(outcome: Outcome, status: int, *parts: str) -> None:
    """This status, and each part in the message."""
    assert outcome.status == status, outcome
    for part in parts:
        assert part in outcome.message, outcome.message


PROCESS = {
    "jump outside RAM": ("_start: li t0, 0xc0000000\n jr t0", 139, "instruction page fault at pc 0xc0000000"),
    "jump to address 0": ("_start: jr zero", 139, "instruction page fault at pc 0x00000000"),
    "jump to an odd word": ("_start: la t0, _start\n jr 2(t0)", 135, "instruction address misaligned"),
    "store to its code": ("_start: sw zero, _start, t0", 139, "store/AMO page fault"),
    "store to constants": ("_start: sw zero, c, t0\n.section .rodata\nc: .word 1", 139, "store/AMO page fault"),
    "store to QEMU's ROM": ("_start: li t0, 0x1000\n sw zero, (t0)", 139, "address 0x00001000"),
    "store to a device": ("_start: li t0, 0x10000000\n sb zero, (t0)", 139, "address 0x10000000"),
    "load from nowhere": ("_start: lw a0, -4(zero)", 139, "load page fault at pc", "address 0xfffffffc"),
    "running off the end": ("_start: nop", 132, "illegal instruction 0x00000000"),
    "privileged instruction": ("_start: csrw mtvec, zero", 132, "csrrw is not available to user programs"),
    "breakpoint": ("_start: ebreak", 133, "breakpoint at pc"),
    "no end of recursion": ("_start: addi sp, sp, -16\n sw ra, (sp)\n call _start", 139, "the stack is full"),
    "abort": ("_start: li a7, 172\n ecall\n li a1, 6\n li a7, 129\n ecall", 134, "killed by signal 6"),
}


@pytest.mark.parametrize("name", [name for name in PROCESS if name != "no end of recursion"])
def test_a_process_that_does_what_it_may_not(tmp_path, name):
    text, status, *parts = PROCESS[name]
    ended(run(tmp_path, text), status, *parts, "trapline: ")


@pytest.mark.slow
def test_a_process_that_recurs_for_ever(tmp_path):
    text, status, *parts = PROCESS["no end of recursion"]
    ended(run(tmp_path, text), status, *parts)


def test_the_message_names_place_and_symbol(tmp_path):
    outcome = run(tmp_path, "_start: nop\nbroken: nop\n lw a0, 12(zero)", "--text-base", "0x20000")
    place = f"0x00020008 <broken+4> ({tmp_path}/guest.s:3)"
    assert outcome.message == f"trapline: load page fault at pc {place}, address 0x0000000c\n"


@pytest.mark.parametrize("command", ["run", "boot"])
def test_an_endless_loop_under_an_instruction_limit(tmp_path, command):
    path = write(tmp_path, "guest.s", LOOP)
    outcome = invoke(command, path, "--max-instructions", "12345", f"--json={tmp_path / 'report'}")
    ended(outcome, 124, "instruction limit", "at pc 0x")
    report = json.loads((tmp_path / "report").read_text())
    assert (report["retired_instructions"], report["exit_reason"], report["exit_code"]) == (
        12345,
        "instruction limit",
        124,
    )


@pytest.mark.parametrize("command", ["run", "boot"])
@pytest.mark.parametrize("text", [
    LOOP,
    "_start: li a7, 5555\n la t0, 2f\n csrw mtvec, t0\n1: ecall\n j 1b\n.balign 4\n2: mret",
    "_start: fence.i\n lw a0, _start\n addi t0, t0, 1\n j _start",
], ids=["branch", "system calls or traps", "fences"])  # fmt: skip
def test_an_endless_loop_under_a_time_limit(tmp_path, command, text):
    if command == "run":
        text = text.replace("csrw mtvec, t0", "nop")
    outcome = invoke(command, write(tmp_path, "guest.s", text), "--timeout", "0.3")
    ended(outcome, 124, "time")
    assert outcome.processor < 5


@pytest.mark.parametrize("options, reason", [
    (["--max-instructions", "1000", "--timeout", "50"], "instruction limit"),
    (["--max-instructions", "1e15", "--timeout", "0.2"], "timeout"),
])  # fmt: skip
@pytest.mark.parametrize("command", ["run", "boot"])
def test_of_two_limits_the_first_counts(tmp_path, command, options, reason):
    path = write(tmp_path, "guest.s", LOOP)
    outcome = invoke(command, path, *options, f"--json={tmp_path / 'report'}")
    assert outcome.status == 124
    assert json.loads((tmp_path / "report").read_text())["exit_reason"] == reason


def test_the_last_allowed_instruction_may_be_the_exit(tmp_path):
    text = "_start: li a0, 7\n li a7, 93\n ecall"
    assert run(tmp_path, text, "--max-instructions", "3").status == 7
    ended(run(tmp_path, text, "--max-instructions", "2"), 124, "instruction limit of 2 reached")


TRAP_LOOPS = {
    "ecall": ("_start: ecall", "environment call from M-mode", "mtvec is 0: no handler is set"),
    "ebreak": ("_start: ebreak", "breakpoint", "mtvec is 0"),
    "illegal instruction": ("_start: .word 0", "illegal instruction", "mtvec is 0"),
    "load from nowhere": ("_start: lw a0, (zero)", "load access fault", "mtvec is 0"),
    "store to ROM": ("_start: li t0, 0x1000\n sw t0, (t0)", "store/AMO access fault", "mtvec is 0"),
    "jump outside RAM": ("_start: li t0, 0xc0000000\n jr t0", "instruction access fault", "mtvec is 0"),
    "handler that is none": (
        "_start: la t0, 1f\n csrw mtvec, t0\n ecall\n.balign 4\n1: .word 0",
        "illegal instruction",
    ),
    "handler behind RAM": ("_start: li t0, 0xf0000000\n csrw mtvec, t0\n ecall", "at pc 0xf0000000"),
    "supervisor": (
        """_start: li t0, -1
        csrw medeleg, t0
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        li t0, 0x800
        csrw mstatus, t0
        la t0, 1f
        csrw mepc, t0
        mret
        1: ebreak""",
        "stvec is 0: no handler is set",
    ),
}


@pytest.mark.parametrize("name", TRAP_LOOPS)
def test_a_trap_without_a_handler_ends_the_run(tmp_path, name):
    """Hardware would trap for ever. No limit is given, and the answer comes at once."""
    text, *parts = TRAP_LOOPS[name]
    outcome = boot(tmp_path, text)
    ended(outcome, 124, "trap loop", *parts)
    assert outcome.processor < 10


def test_traps_that_only_look_like_a_loop(tmp_path):
    """A handler that retires an instruction, or that an interrupt can end, is not cut short."""
    handler = """_start: la t0, handler
        csrw mtvec, t0
        li s0, 3000
        1: ecall
        addi s0, s0, -1
        bnez s0, 1b
        li t0, 0x5555
        li t1, 0x100000
        sw t0, (t1)
        .balign 4
        handler: csrr t0, mepc
        addi t0, t0, 4
        csrw mepc, t0
        mret"""
    assert boot(tmp_path, handler, "--timeout", "60").status == 0


def test_a_supervisor_in_a_trap_loop_that_a_timer_ends(tmp_path):
    """S mode traps for ever; the timer interrupt of M mode, which nothing masks there, comes all the same."""
    text = """_start: la t0, timer
        csrw mtvec, t0
        li t0, 0xffff
        csrw medeleg, t0
        li t0, -1
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        li t1, 0x2004000
        sw zero, 4(t1)
        li t0, 1000
        sw t0, (t1)
        li t0, 0x80
        csrw mie, t0
        li t0, 0x800
        csrw mstatus, t0
        la t0, 1f
        csrw mepc, t0
        mret
        1: ebreak
        .balign 4
        timer: li t0, 0x2a3333
        li t1, 0x100000
        sw t0, (t1)"""
    assert boot(tmp_path, text, "--timeout", "60").status == 0x2A


def test_a_store_to_rom_reaches_the_handler(tmp_path):
    """As on QEMU, where the mask ROM at 0x1000 takes no stores: cause 7, the address in mtval, nothing else done."""
    text = """_start: la t0, 1f
        csrw mtvec, t0
        li s0, 0x1000
        sw s0, 8(s0)
        .balign 4
        1: csrr a0, mcause
        csrr a1, mtval
        li t0, 0x1008
        sub a1, a1, t0
        add a0, a0, a1
        slli a0, a0, 16
        li t0, 0x3333
        or t0, t0, a0
        li t1, 0x100000
        sw t0, (t1)"""
    assert boot(tmp_path, text).status == 7


@pytest.mark.parametrize("text", ["wfi", "csrwi mie, 8\n1: wfi\n j 1b"])
def test_a_machine_that_sleeps_for_ever(tmp_path, text):
    ended(boot(tmp_path, f"_start: {text}"), 124, "idle with nothing that could wake it at pc 0x8000")


def test_a_process_that_waits_for_ever(tmp_path):
    """For input that does not come; with a limit of time, not of instructions."""
    path = write(tmp_path, "guest.s", "_start: li a2, 1\n mv a1, sp\n li a0, 0\n li a7, 63\n ecall")
    process = subprocess.Popen(
        command("run", path, "--timeout", "0.5"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    timer = watchdog(process)
    assert process.stderr is not None
    message = process.stderr.read()
    place = f"pc 0x00010084 <_start+16> ({path}:5)"
    assert (process.wait(), message.decode()) == (124, f"trapline: time limit of 0.5 s reached at {place}\n")
    timer.cancel()
    process.communicate()


def test_memory_that_a_process_takes_is_bounded(tmp_path):
    """mmap until it fails: the guest ends up with less than `--memory`."""
    text = """_start: li s0, 0
        1: li a0, 0
        li a1, 0x100000
        li a2, 3
        li a3, 0x22
        li a4, -1
        li a5, 0
        li a7, 222
        ecall
        li t0, -4096
        bgeu a0, t0, 2f
        sw a0, (a0)
        addi s0, s0, 1
        j 1b
        2: mv a0, s0
        li a7, 93
        ecall"""
    path = write(tmp_path, "guest.s", text)
    outcome = execute("run", path, "--memory", "64M")
    assert 32 <= outcome.status < 64
    assert outcome.peak < 400 * MIB


GIGABYTE = """_start: li s0, 16384
1: li a0, 1
la a1, buffer
li a2, 65536
li a7, 64
ecall
addi s0, s0, -1
bnez s0, 1b
li a0, 0
li a7, 93
ecall
.bss
buffer: .skip 65536
"""
FOREVER = """_start: li t0, 0x10000000
li t1, 'a'
1: sb t1, (t0)
j 1b
"""


def test_a_gigabyte_of_output(tmp_path):
    path = write(tmp_path, "guest.s", GIGABYTE)
    process = subprocess.Popen(["wc", "-c"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    outcome = execute("run", path, stdout=process.stdin.fileno())
    counted, _ = process.communicate()
    assert (outcome.status, outcome.stderr, int(counted)) == (0, b"", 1 << 30)
    assert outcome.peak < 400 * MIB


@pytest.mark.parametrize("command, text", [("run", GIGABYTE), ("boot", FOREVER)], ids=["run", "boot"])
def test_output_cut_by_a_limit(tmp_path, command, text):
    path = write(tmp_path, "guest.s", text)
    outcome = execute(command, path, "--max-instructions", "1000")
    ended(outcome, 124, "instruction limit")
    assert 400 < len(outcome.stdout) <= 300 * 65536


@pytest.mark.parametrize("command, text", [("run", GIGABYTE), ("boot", FOREVER), ("virt", FOREVER)])
def test_a_flood_is_cut_where_asked(tmp_path, command, text):
    outcome = execute(command, write(tmp_path, "guest.s", text), "--max-output", "10000")
    ended(outcome, 124, "output limit")
    assert len(outcome.stdout) == 10000


def test_output_up_to_the_limit_is_no_flood(tmp_path):
    text = """_start: li a0, 1
    la a1, text
    li a2, 3
    li a7, 64
    ecall
    li a0, 5
    li a7, 93
    ecall
    .data
    text: .ascii "abc"
    """
    path = write(tmp_path, "guest.s", text)
    assert execute("run", path, "--max-output", "3").status == 5
    assert execute("run", path, "--max-output", "2").status == 124


def test_a_console_that_prints_for_ever(tmp_path):
    outcome = execute("boot", write(tmp_path, "guest.s", FOREVER), "--timeout", "0.5")
    ended(outcome, 124, "timeout")
    assert outcome.stdout.strip(b"a") == b"" and outcome.peak < 400 * MIB


def test_what_a_console_remembers_is_bounded():
    console = Console()
    for number in range(80):
        console.write(bytes([number]) * MIB)
    assert console.output.endswith(bytes([79]) * MIB) and len(console.output) <= CAPTURE_LIMIT


@pytest.mark.parametrize("name, text", [("run", GIGABYTE), ("boot", FOREVER)], ids=["run", "boot"])
def test_output_cut_by_a_closed_pipe(tmp_path, name, text):
    """As in `trapline run guest.s | head -c 1000`: it ends by itself, silently, as a process killed by SIGPIPE."""
    path = write(tmp_path, "guest.s", text)
    process = subprocess.Popen(command(name, path), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    timer = watchdog(process)
    assert process.stdout is not None and process.stderr is not None
    first = process.stdout.read(1000)
    process.stdout.close()
    message = process.stderr.read()
    outcome = Outcome(process.wait(), first, message)
    timer.cancel()
    process.stderr.close()
    check_ending(outcome)
    assert (outcome.status, len(first), message) == (141, 1000, b"")


def test_a_full_disk(tmp_path):
    path = write(tmp_path, "guest.s", FOREVER)
    with open("/dev/full", "wb") as full:
        outcome = execute("boot", path, "--timeout", "30", stdout=full.fileno())
    ended(outcome, 2, "No space left on device")
    assert outcome.processor < 20


def test_the_guest_cannot_touch_files_of_the_host(tmp_path):
    """openat, mkdirat, unlinkat and execve have no effect on the host."""
    victim = write(tmp_path, "victim", "precious")
    text = f"""_start: li a0, -100
        la a1, name
        li a2, 0x241
        li a3, 0x1b6
        li a7, 56
        ecall
        mv s0, a0
        li a0, -100
        la a1, name
        li a2, 0
        li a7, 35
        ecall
        mv s1, a0
        la a0, name
        li a1, 0
        li a2, 0
        li a7, 221
        ecall
        and a0, a0, s0
        and a0, a0, s1
        srli a0, a0, 30
        li a7, 93
        ecall
        .data
        name: .asciz "{victim}"
        """
    outcome = run(tmp_path, text, *LIMITED)
    assert outcome.status == 3, "all three calls must have failed"
    assert victim.read_text() == "precious"
