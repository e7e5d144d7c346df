"""A guest that resets its machine: it boots again, as on QEMU, with harts and devices as at power-on."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.budget import examples
from support.cli.command import execute, invoke, write
from support.gnu import Find, qemu_system, run_tool
from support.hypervisor.bare_and_virtual import UNDER
from support.kernels.supervisor import BASE, CALLS, supervisor
from support.machines import FINISHER, RAM, rebooting, state
from support.paths import BOOT_KERNELS
from trapline import Exit, ExitReason, Machine, isa
from trapline.asm import assemble_text

KERNEL = BOOT_KERNELS / "reset.s"
DISK = bytes(8 * 512)
RESET = f"li t0, {FINISHER}\n li t1, 0x7777\n sw t1, (t0)\n"
ENDLESS = f"_start: {RESET} j ."


def test_as_on_qemu(tool: Find, tmp_path: Path) -> None:
    """RAM that was not loaded is kept, what was loaded is loaded again, disks keep what was written."""
    elf = tmp_path / "kernel"
    elf.write_bytes(assemble_text(KERNEL.read_text(), text_base=RAM).elf)
    ours, theirs = write(tmp_path, "ours.img", DISK), write(tmp_path, "theirs.img", DISK)
    drive = ("-drive", f"file={theirs},if=none,format=raw,id=x0")
    device = ("-device", "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0")
    expected = qemu_system(tool, elf, "-smp", "2", *drive, *device)
    outcome = invoke("boot", elf, "--smp", "2", "--drive", f"file={ours},write=on", "--stats")
    assert (outcome.status, outcome.stdout.splitlines()) == (expected.status, expected.output.splitlines())
    assert outcome.stdout.count(b"\n") == 3 and "2  resets" in outcome.message
    assert ours.read_bytes() == theirs.read_bytes() != DISK


LEFT = f"""
_start: csrr    t1, mscratch
        add     t1, t1, s5
        addi    t1, t1, '0'
        li      t0, 0x10000000
        sb      t1, (t0)
        li      s5, 1
        csrw    mscratch, s5
        li      t2, 0x80100000
        lw      t1, (t2)
        sw      s5, (t2)
        bnez    t1, 1f
        {RESET}
        j       .
1:      li      t0, {FINISHER}
        li      t1, 0x5555
        sw      t1, (t0)
        j       .
"""


def test_harts_begin_at_zero_unlike_those_of_qemu(tool: Find, tmp_path: Path) -> None:
    """The difference that docs/board.md tells of: QEMU 7.2 leaves general registers and most CSRs as they were."""
    elf = tmp_path / "kernel"
    elf.write_bytes(assemble_text(LEFT, text_base=RAM).elf)
    assert invoke("boot", elf).stdout == b"00"
    if b"version 7.2" in run_tool(tool("qemu-system-riscv32"), "--version"):
        assert qemu_system(tool, elf).output == b"02"


def test_the_same_under_every_technique(tmp_path: Path) -> None:
    drive = f"file={write(tmp_path, 'disk.img', DISK)}"
    compared = invoke("virt", KERNEL, "--smp", "2", "--drive", drive, "--compare", "--json")
    assert compared.status == 0, compared
    runs = json.loads(compared.stdout)["runs"]
    assert [run["technique"] for run in runs] == ["bare", *UNDER]


def test_no_reboot_ends_the_run(tmp_path: Path) -> None:
    drive = f"file={write(tmp_path, 'disk.img', DISK)}"
    once = invoke("boot", KERNEL, "--drive", drive, "--no-reboot", "--json", "--max-instructions", "100k")
    *lines, statistics = once.stdout.splitlines()
    assert (once.status, len(lines), json.loads(statistics)["resets"]) == (0, 1, 0)


CSRS = [c for c in isa.CSRS if c.storage and c.write_mask]
DEVICES = (0x10000000, 0xC000000, 0xC002000, 0xC200000, 0x10001000)
STORE = st.tuples(st.sampled_from(DEVICES), st.integers(0, 0x44), st.sampled_from([1, 2, 4]), st.integers(0, 2**32 - 1))
WRITE = st.tuples(st.sampled_from([c.name for c in CSRS]), st.integers(0, 2**32 - 1))
KEPT = RAM + 0x1000
SPIN = "_start: rdtime a0\n csrr a1, mcycle\n csrr a2, minstret\n j _start"


def fresh(technique: str, harts: int) -> Machine:
    return rebooting(SPIN, technique=technique, harts=harts, isa="rv32ima_xleak_sstc_svadu")


@examples(20, few=8)
@given(st.sampled_from(["bare", "trap", "assist"]), st.integers(1, 3), st.lists(WRITE), st.lists(STORE), st.data())
def test_nothing_of_before_is_seen(
    technique: str, harts: int, csrs: list[tuple[str, int]], stores: list[tuple[int, int, int, int]], data: Any
) -> None:
    """Whatever was in harts and devices: each register reads as at power-on, and each later step does the same."""
    machine, other = fresh(technique, harts), fresh(technique, harts)
    machine.run(max_instructions=data.draw(st.integers(0, 5000)))
    for hart in machine.harts:
        for name, value in csrs:
            if name in hart.csr:
                hart.csr[name] = value
        for number in range(1, 32):
            hart.x[number] = number
        hart.mode = data.draw(st.sampled_from([0, 1, 3]))
    for base, offset, width, value in stores:
        machine.bus.store(base + offset, width, value)
    assert machine.board is not None
    machine.board.update()
    machine.advance_time(data.draw(st.integers(0, 2**62)))
    machine.write(KEPT, b"kept")
    assert machine.restart is not None
    machine._exit_handler.restart(machine.restart)
    other.write(KEPT, b"kept")
    for _ in range(3):
        assert seen(machine) == seen(other)
        for each in (machine, other):
            each.run(max_instructions=1777)


def seen(machine: Machine) -> dict[str, Any]:
    """What the guest can see."""
    found = state(machine)
    for name in ("cycle", "retired", "traps", "digest", "csr", "x", "output"):
        del found[name]
    found["harts"] = [
        (list(h.x), h.pc, h.mode, h.waiting, {c.name: h.csr[c.name] for c in CSRS if c.name in h.csr}, h.csr["time"])
        for h in machine.harts
    ]
    found["loads"] = [machine.bus.load(base + 4 * i, 4) for base in DEVICES[1:] for i in range(0x20)]
    found["uart"] = [machine.bus.load(DEVICES[0] + i, 1) for i in range(8)]
    found["turn"] = machine.engine.m.current, machine.engine.m.slice_left
    found["ram"] = machine.read(RAM, 1 << 16)
    return found


def test_code_that_was_written_over_what_is_loaded_is_gone() -> None:
    """Also where the file has zeros that it does not store: the engine has decoded what was there."""
    machine = rebooting(f"""
_start: la   t2, code
        lw   a0, (t2)
        bnez a0, wrong
        li   t0, 0x00000013
        sw   t0, (t2)
        li   t0, 0x00008067
        sw   t0, 4(t2)
        fence.i
        jalr t2
        la   t2, count
        lw   s0, (t2)
        {RESET}
wrong:  ebreak
        .section .bss
        .balign 4096
count:  .zero 4
code:   .zero 8
""")
    machine.breakpoints.add(machine.symbols["code"])
    for resets in range(3):
        assert machine.run(max_instructions=100).reason is ExitReason.BREAKPOINT
        assert machine.resets == resets
    machine.breakpoints = {RAM}
    assert machine.run(max_instructions=100).pc == RAM, "a breakpoint at the entry is reached again"
    machine.write(machine.symbols["code"], (0x00100073).to_bytes(4, "little"))
    machine.breakpoints = {machine.symbols["wrong"]}
    assert machine.run(max_instructions=100).reason is ExitReason.BREAKPOINT


@pytest.mark.parametrize("technique", ["bare", *UNDER])
@pytest.mark.parametrize("harts", [1, 2])
def test_limits_end_a_loop_of_reboots(technique: str, harts: int) -> None:
    machine = rebooting(ENDLESS, technique=technique, harts=harts)
    assert machine.run(max_instructions=1000).reason is ExitReason.LIMIT
    assert machine.cycle == 1000 and machine.resets > 100 / harts
    assert machine.run(timeout=0.05).reason is ExitReason.TIMEOUT
    machine.console.room = 0
    assert machine.run(max_instructions=10).reason is ExitReason.LIMIT


def test_a_flood_over_reboots_ends(tmp_path: Path) -> None:
    kernel = write(tmp_path, "k.s", f"_start: li t0, 0x10000000\n li t1, 'x'\n sb t1, (t0)\n {RESET} j .")
    outcome = invoke("boot", kernel, "--max-output", "5")
    assert (outcome.status, outcome.stdout) == (124, b"xxxxx") and "after 5 resets" in outcome.message
    outcome = invoke("boot", kernel, "--max-instructions", "60")
    assert (outcome.status, outcome.stdout) == (124, b"x" * 9), "seven instructions a boot"


def test_without_what_starts_it_again_a_reset_ends_the_run() -> None:
    machine = Machine.from_source(ENDLESS, memory=1 << 16)
    assert machine.run() == Exit(ExitReason.HALT, machine.pc, reset=True) and machine.resets == 0


@pytest.mark.parametrize("kind", [1, 2])
@pytest.mark.parametrize("technique", ["bare", "trap", "assist"])
def test_the_reboots_of_the_sbi(tmp_path: Path, kind: int, technique: str) -> None:
    """Cold and warm: the first hart starts, the others wait to be started, and the timer is off."""
    text = f"""
_start: mv      s0, a0
        csrr    a0, sie
        beqz    a0, 1f
        li      a0, 'b'
        sbi     1
1:      li      a0, 1
        sbi     HSM, 2
        add     a0, a1, '0'
        sbi     1
        li      a0, 1
        la      a1, other
        sbi     HSM
        la      t0, 0x80700000
        lw      t1, (t0)
        addi    t1, t1, 1
        sw      t1, (t0)
        li      t0, 0x20
        csrw    sie, t0
        li      a0, 0
        li      a1, 0
        sbi     TIME
        li      t0, 3
        beq     t0, t1, 2f
        li      a0, {kind}
        li      a1, 0
        sbi     SRST
2:      power_off
other:  j       other
"""
    kernel = tmp_path / "kernel"
    kernel.write_bytes(assemble_text(CALLS + text, text_base=BASE).elf)
    under = ("boot",) if technique == "bare" else ("virt", "--technique", technique)
    outcome = invoke(*under, kernel, "--smp", "2", "-m", "8M", "--max-instructions", "100k")
    assert (outcome.status, outcome.stdout) == (0, b"111"), outcome


def test_the_sbi_without_reboot() -> None:
    assert supervisor("_start: li a0, 1\n li a1, 0\n sbi SRST").run(1000).reset


def test_what_is_typed_is_not_lost(tmp_path: Path) -> None:
    """Input that the guest has not read is for its next boot."""
    text = f"""
_start: li      t0, 0x10000000
1:      lbu     t1, 5(t0)
        andi    t1, t1, 1
        beqz    t1, 1b
        lbu     t1, (t0)
        sb      t1, (t0)
        li      t2, 'c'
        bne     t1, t2, 2f
        li      t0, {FINISHER}
        li      t1, 0x5555
        sw      t1, (t0)
2:      {RESET}
        j       .
"""
    outcome = invoke("boot", write(tmp_path, "k.s", text), "--max-instructions", "1M", stdin=b"abc")
    assert (outcome.status, outcome.stdout) == (0, b"abc")


def test_the_device_tree_and_loaders_come_again(tmp_path: Path) -> None:
    text = f"""
_start: lw      t1, (a1)
        sw      zero, (a1)
        li      t0, 0x80001000
        lb      t2, (t0)
        sb      zero, (t0)
        li      t0, 0x10000000
        sb      t1, (t0)
        sb      t2, (t0)
        {RESET}
        j       .
"""
    device = "loader,addr=0x80001000,data=0x5a,data-len=1"
    outcome = invoke("boot", write(tmp_path, "k.s", text), "--device", device, "--max-output", "6")
    assert outcome.stdout == b"\xd0Z" * 3, "a tree begins with the bytes d0 0d fe ed"


@pytest.mark.slow
def test_with_the_wall_clock(tmp_path: Path) -> None:
    """mtime begins at 0 again, and follows the wall from there."""
    text = f"""
_start: li      t0, 0x80008000
        lw      s0, (t0)
        addi    s0, s0, 1
        sw      s0, (t0)
        li      s1, 50000
1:      rdtime  t1
        rdtimeh t2
        bnez    t2, .
        bltu    t1, s1, 1b
        li      t0, {FINISHER}
        li      t1, 0x5555
        li      t2, 3
        beq     s0, t2, 2f
        li      t1, 0x7777
2:      sw      t1, (t0)
"""
    outcome = execute("boot", write(tmp_path, "k.s", text), "--clock", "wall", "--timeout", "50")
    assert outcome.status == 0, outcome
    assert outcome.seconds >= 0.015
