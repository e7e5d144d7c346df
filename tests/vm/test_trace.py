"""The trace is Spike's commit log: its format line by line, and its content against a second machine, step by step.

The form is that of `commit_log_print_insn` in Spike's execute.cc for RV32: hart, mode, pc and word, then registers as
`x5  0x...`, CSRs as `c773_mtvec 0x...` (numbers in decimal), loads as `mem ADDRESS`, stores as `mem ADDRESS VALUE`
with two digits a byte. Trapped instructions have no line.
"""

import io
import json
import random
import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from support import random_programs
from support.budget import seeds
from support.paths import ROOT
from trapline import Exit, ExitReason, Machine, isa
from trapline.vm.cli.main import main

RAM, SIZE = 0x80000000, 1 << 20
LINE = re.compile(
    r"core +(?P<hart>\d+): (?P<mode>[013]) 0x(?P<pc>[0-9a-f]{8}) \(0x(?P<word>[0-9a-f]{8})\)"
    r"(?: x(?P<rd>(?:[1-9]|[12]\d|3[01]) ?) 0x(?P<value>[0-9a-f]{8}))?"
    r"(?P<csrs>(?: c\d+_[a-z0-9]+ 0x[0-9a-f]{8})*)"
    r"(?P<load> mem 0x[0-9a-f]{8}(?! 0x))?"
    r"(?: mem 0x(?P<address>[0-9a-f]{8}) 0x(?P<stored>(?:[0-9a-f]{2}){1,2}|[0-9a-f]{8}))?"
)
UNTRACKED = ("cycle", "instret", "time", "mcycle", "minstret", "mip", "mhpm", "hpm", "sip", "sie", "sstatus")
"""CSRs that change by themselves, and S mode's views of others."""

TOUR = """
        .equ    FINISHER, 0x100000
        .equ    MTIMECMP, 0x2004000
_start: la      sp, data
        la      t0, handler
        csrw    mtvec, t0
        csrr    t1, mtvec
        csrrw   zero, mscratch, t1
        csrrs   t1, mscratch, zero      # no write
        csrrwi  t2, mscratch, 21
        csrrsi  t2, mscratch, 0         # no write either
        csrrci  t2, mscratch, 1
        csrw    sscratch, sp
        csrw    mcycle, zero
        csrw    sie, zero
        li      t0, 0x2aa
        csrw    mideleg, t0
        csrw    sie, t0
        csrw    sip, t0
        csrw    mie, zero
        csrw    sip, zero
        csrw    mideleg, zero
        csrwi   sstatus, 2
        csrw    mcause, t0
        # memory
        li      a0, 0x89abcdef
        sw      a0, 4(sp)
        sh      a0, 10(sp)
        sb      a0, 13(sp)
        sw      a0, 18(sp)              # misaligned
        lw      zero, 4(sp)
        lw      a1, 18(sp)
        lh      a2, 10(sp)
        lbu     a3, 13(sp)
        addi    a4, sp, 32
        lr.w    a5, (a4)
        sc.w    a5, a0, (a4)            # succeeds
        sc.w    a5, a0, (a4)            # fails
        lr.w    zero, (a4)
        sc.w    zero, sp, (a4)          # succeeds and does not tell
        sc.w    zero, a0, (a4)          # fails and does not tell
        addi    a3, a4, 4
        lr.w    zero, (a4)
        sc.w    zero, a0, (a3)          # fails: another address
        amoadd.w a5, a0, (a4)
        amoadd.w zero, a0, (a4)
        amoswap.w a4, a4, (a4)
        # traps
        ecall
        .word   0
        ebreak
        lw      a0, 0(zero)
        # an interrupt that comes with the instruction that unmasks it
        li      t0, MTIMECMP
        sw      zero, 4(t0)
        sw      zero, 0(t0)
        li      t1, 0x80
        csrw    mie, t1
        csrrsi  t1, mstatus, 8
        # an interrupt that comes while waiting
        lw      t2, -8(t0)              # nothing there reads as zero
        li      t1, 4
        sw      t1, 0(t0)
        sw      zero, 4(t0)
        wfi
        # a device
        li      t0, 0x10000000
        li      t1, 'k'
        sb      t1, 0(t0)
        sb      t1, 7(t0)
        lbu     t2, 7(t0)
        li      t1, 2
        sb      t1, 1(t0)               # the transmitter asks, and mip shows it
        li      t0, 0xc002000
        li      t1, 1 << 10
        sw      t1, 0(t0)
        li      t0, 0xc000028
        li      t1, 1
        li      t3, 0x800
        csrw    mie, t3
        sw      t1, 0(t0)               # priority: here the interrupt comes
        # user mode
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        la      t0, user
        csrw    mepc, t0
        li      t0, 0x1880
        csrc    mstatus, t0
        mret
user:   addi    a6, a6, 1
        csrr    a6, mscratch            # illegal here
        csrr    a7, cycle
        li      s11, 1                  # tells the handler to stay in M mode
        ecall
        li      t0, 0x800
        csrs    mstatus, t0             # MPP = S
        la      t0, super
        csrw    mepc, t0
        mret
super:  csrw    sscratch, t0
        csrsi   sstatus, 2
        la      t0, last
        csrw    sepc, t0
        sret
last:   ecall
        li      t0, FINISHER
        li      t1, 0x53333
        sw      t1, (t0)

handler:
        csrr    s0, mcause
        bltz    s0, interrupt
        csrr    s1, mepc
        addi    s1, s1, 4
        csrw    mepc, s1
        beqz    s11, 1f
        li      s2, 0x1800
        csrs    mstatus, s2
1:      mret
interrupt:
        slli    s0, s0, 1
        addi    s0, s0, -22
        beqz    s0, external
        li      s1, MTIMECMP
        li      s2, -1
        sw      s2, 0(s1)
        sw      s2, 4(s1)
        mret
external:
        li      s1, 0xc200004
        lw      s2, (s1)
        li      s3, 0x10000002
        lbu     s4, (s3)
        sw      s2, (s1)
        mret
        .data
        .balign 16
data:   .zero   64
"""


def parse(line: str) -> re.Match[str]:
    match = LINE.fullmatch(line)
    assert match is not None, line
    return match


def traced(machine: Machine, steps: int = 100_000) -> tuple[list[str], Exit]:
    log = io.StringIO()
    machine.trace_to(log)
    exit = machine.run(max_instructions=steps)
    machine.trace_to(None)
    text = log.getvalue()
    assert text == "" or text.endswith("\n")
    return text.splitlines(), exit


def csr_values(machine: Machine) -> dict[str, int]:
    return {c.name: machine.csr[c.name] for c in isa.CSRS if c.name in machine.csr and not c.name.startswith(UNTRACKED)}


def trace_agrees(make: Callable[[], Machine], steps: int = 100_000, look_at_csrs: bool = True) -> list[str]:
    """Trace one machine, step another, and follow what the log says was written; the lines.

    Registers, memory and CSRs must be what the log made of them after each step.
    """
    first, second = make(), make()
    lines, exit = traced(first, steps)
    x, memory = list(second.x), bytearray(second.read(RAM, SIZE))
    csrs = csr_values(second) if look_at_csrs else {}
    remaining = iter(lines)
    for _ in range(steps):
        retired, traps, mode, pc = second.instret, dict(second.trap_counts), second.mode, second.pc
        stopped = second.step()
        new = {cause for cause, count in second.trap_counts.items() if count != traps.get(cause, 0)}
        if second.instret == retired:
            if stopped.reason is not ExitReason.LIMIT:
                break
            csrs = csr_values(second) if look_at_csrs else {}
            continue
        match = parse(next(remaining))
        assert match["hart"] == "0" and len(match["hart"]) + match[0].index("0:") == 8, "four characters wide"
        at = int(match["pc"], 16) - RAM
        assert int(match["word"], 16) == int.from_bytes(memory[at : at + 4], "little"), match[0]
        if not any(cause >> 31 for cause in new):
            assert (int(match["pc"], 16), int(match["mode"])) == (pc, mode), match[0]
        if match["rd"]:
            assert len(match["rd"]) == 2
            x[int(match["rd"])] = int(match["value"], 16)
        assert x == list(second.x), match[0]
        if match["stored"]:
            offset, value = int(match["address"], 16) - RAM, bytes.fromhex(match["stored"])[::-1]
            if 0 <= offset < SIZE:
                memory[offset : offset + len(value)] = value
                assert second.read(RAM + offset, len(value)) == value, match[0]
        if look_at_csrs:
            for number, name, value in re.findall(r"c(\d+)_(\w+) 0x(\w+)", match["csrs"]):
                assert isa.CSR_BY_NAME[name].address == int(number)
                if name in csrs:
                    csrs[name] = int(value, 16)
            now = csr_values(second)
            if not new:
                assert csrs == now, match[0]
            csrs = now
        if stopped.reason is not ExitReason.LIMIT:
            break
    assert next(remaining, None) is None
    assert memory == second.read(RAM, SIZE)
    assert first.digest() == second.digest() and stopped.reason in (exit.reason, ExitReason.LIMIT)
    return lines


def tour() -> Machine:
    return Machine.from_source(TOUR, memory=SIZE)


def test_the_form_of_each_kind_of_line() -> None:
    text = """
_start: lui     t0, 0x80001
        addi    a0, zero, -1
        addi    zero, zero, 5
        sw      a0, 8(t0)
        sh      a0, 6(t0)
        sb      a0, 5(t0)
        lhu     s10, 6(t0)
        csrrw   ra, mscratch, a0
        csrw    sstatus, zero
        csrr    a1, mscratch
        lr.w    t1, (t0)
        sc.w    t1, a0, (t0)
        amoadd.w t1, a0, (t0)
        jal     ra, next
next:   csrw    mepc, ra
        ecall
        fence
        wfi
"""
    machine = Machine.from_source(text, memory=1 << 16)
    lines, _ = traced(machine, 15)
    # The words themselves are compared with GNU as elsewhere.
    assert lines == [
        "core   0: 3 0x80000000 (0x800012b7) x5  0x80001000",
        "core   0: 3 0x80000004 (0xfff00513) x10 0xffffffff",
        "core   0: 3 0x80000008 (0x00500013)",
        "core   0: 3 0x8000000c (0x00a2a423) mem 0x80001008 0xffffffff",
        "core   0: 3 0x80000010 (0x00a29323) mem 0x80001006 0xffff",
        "core   0: 3 0x80000014 (0x00a282a3) mem 0x80001005 0xff",
        "core   0: 3 0x80000018 (0x0062dd03) x26 0x0000ffff mem 0x80001006",
        "core   0: 3 0x8000001c (0x340510f3) x1  0x00000000 c832_mscratch 0xffffffff",
        "core   0: 3 0x80000020 (0x10001073) c768_mstatus 0x00000000",
        "core   0: 3 0x80000024 (0x340025f3) x11 0xffffffff",
        "core   0: 3 0x80000028 (0x1002a32f) x6  0x00000000 mem 0x80001000",
        "core   0: 3 0x8000002c (0x18a2a32f) x6  0x00000000 mem 0x80001000 0xffffffff",
        "core   0: 3 0x80000030 (0x00a2a32f) x6  0xffffffff mem 0x80001000 mem 0x80001000 0xfffffffe",
        "core   0: 3 0x80000034 (0x004000ef) x1  0x80000038",
        "core   0: 3 0x80000038 (0x34109073) c833_mepc 0x80000038",
    ]


def test_a_tour_of_privileged_things() -> None:
    lines = trace_agrees(tour)
    machine = tour()
    _, exit = traced(machine)
    assert exit.reason is ExitReason.HALT and exit.code == 5
    assert len(lines) == machine.instret
    assert {cause for cause in machine.trap_counts if cause < 32} == {2, 3, 5, 8, 11}
    assert machine.trap_counts[0x80000007] == 2 and machine.trap_counts[0x8000000B] == 1
    assert {parse(line)["mode"] for line in lines} == {"0", "1", "3"}


def test_the_value_written_is_that_before_the_interrupt() -> None:
    """What unmasks an interrupt is logged with what it wrote, not with what the trap made of it."""
    lines, _ = traced(tour())
    (unmask,) = (line for line in lines if "(0x30046373)" in line)  # csrrsi t1, mstatus, 8
    value = int(unmask.split("c768_mstatus ")[1], 16)
    assert value & 8, "MIE is set: the trap has not cleared it yet"
    mrets = [line for line in lines if "(0x30200073)" in line]
    assert mrets and all(re.search(r"c768_mstatus 0x\w{8} c784_mstatush 0x00000000$", line) for line in mrets)


def test_a_trace_changes_nothing() -> None:
    plain, watched = tour(), tour()
    end = plain.run(max_instructions=100_000)
    assert traced(watched)[1] == end
    assert plain.digest() == watched.digest()
    assert (plain.cycle, plain.trap_counts) == (watched.cycle, watched.trap_counts)
    assert plain.console.output == watched.console.output


def test_a_trace_can_begin_and_end_anywhere() -> None:
    whole, _ = traced(tour())
    machine = tour()
    machine.run(max_instructions=20)
    skipped = machine.instret
    part, _ = traced(machine, 30)
    retired = machine.instret
    assert part == whole[skipped:retired]
    assert machine.run(max_instructions=10_000).code == 5, "and goes on without"


@pytest.mark.parametrize("seed", seeds(3))
def test_random_programs(seed: int) -> None:
    rng = random.Random(seed)
    words, x = random_programs.program(rng, 600), random_programs.registers(rng)
    data = rng.randbytes(random_programs.DATA_SIZE)

    def make() -> Machine:
        machine = Machine(memory=SIZE)
        machine.write(random_programs.CODE, struct.pack(f"<{len(words)}I", *words) + struct.pack("<I", 0x00100073))
        machine.write(random_programs.DATA, data)
        for number in range(32):
            machine.x[number] = x[number]
        machine.host_traps = 1 << 3
        return machine

    assert len(trace_agrees(make, look_at_csrs=False)) > 300


def test_virtual_addresses_under_paging() -> None:
    """A megapage maps 0x40000000 to RAM: pc and memory are logged as the program sees them."""
    machine = Machine.from_source("_start: sw a0, 256(t0)\n lw a1, 256(t0)\n amoadd.w zero, a0, (t1)", memory=SIZE)
    machine.write(RAM + 0x1000 + 4 * 0x100, struct.pack("<I", RAM >> 12 << 10 | 0xCF))
    machine.csr["satp"] = 1 << 31 | (RAM + 0x1000) >> 12
    machine.csr["pmpaddr0"], machine.csr["pmpcfg0"] = 0xFFFFFFFF, 0x1F
    machine.mode, machine.pc = 1, 0x40000000
    machine.x["a0"], machine.x["t0"], machine.x["t1"] = 3, 0x40000000, 0x40000100
    assert [line[10:] for line in traced(machine, 3)[0]] == [
        "1 0x40000000 (0x10a2a023) mem 0x40000100 0x00000003",
        "1 0x40000004 (0x1002a583) x11 0x00000003 mem 0x40000100",
        "1 0x40000008 (0x00a3202f) mem 0x40000100 mem 0x40000100 0x00000006",
    ]


def test_tohost_does_not_hide_what_follows() -> None:
    body = "_start: la t0, tohost\n li t1, 1\n sw t1, (t0)\n" + "addi a0, a0, 1\n" * 70
    machine = Machine.from_source(f"{body}\n.data\n.balign 8\ntohost: .dword 0", memory=SIZE)
    lines, exit = traced(machine)
    assert exit.reason is ExitReason.HALT and len(lines) == machine.instret == 4 + 64
    assert lines[-1].endswith("x10 0x00000040")


@pytest.mark.parametrize(
    ("command", "mode", "status"),
    [(["run", "programs/hello.s"], "0", 0), (["boot", "programs/boot/ecall.s"], "3", 7)],
)
def test_the_option(command: list[str], mode: str, status: int, tmp_path: Path) -> None:
    log, report = tmp_path / "log", tmp_path / "report"
    arguments = [command[0], str(ROOT / command[1]), "--trace", str(log), f"--json={report}"]
    result = CliRunner().invoke(main, arguments, input=b"")
    assert result.exit_code == status, result.output
    lines = [parse(line) for line in log.read_text().splitlines()]
    assert lines[0]["mode"] == mode
    assert len(lines) == json.loads(report.read_text())["retired_instructions"]
