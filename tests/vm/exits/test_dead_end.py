"""A machine that can never do anything else is ended: whatever the harts loop in, and only then."""

import pytest

from trapline import ExitReason, Machine
from trapline.vm.board.virtio.console import VirtioConsole
from trapline.vm.exits.dead_end import EAGER, SELDOM
from trapline.vm.hypervisor.technique import TECHNIQUES

TIMER = "li t3, 0x2004000; sw zero, 4(t3); li t4, 1; sw t4, (t3); li t3, 0x80; csrw mie, t3"
SUPERVISOR = """
        li t0, -1
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        li t0, 0x800
        csrw mstatus, t0
        la t0, 1f
        csrw mepc, t0
        mret
"""
ENDLESS = {
    "itself": "1: j 1b",
    "beq": "1: beq x0, x0, 1b",
    "indirect": "la t0, 1f\n1: jr t0",
    "with nops and fences": "1: nop\n fence\n fence.i\n nop\n j 1b",
    "a delay that starts over": "1: li t0, 10\n2: addi t0, t0, -1\n bnez t0, 2b\n j 1b",
    "a flag that nobody sets": "1: lw t0, flag\n beqz t0, 1b",
    "a byte": "la t1, flag\n1: lbu t0, 2(t1)\n beqz t0, 1b",
    "a lock that nobody frees": "la s0, held\n li t1, 1\n1: amoswap.w t0, t1, (s0)\n bnez t0, 1b",
    "a store of the same": "la s0, flag\n1: sw zero, (s0)\n sh zero, 2(s0)\n j 1b",
    "interrupts enabled, none of them": "csrsi mstatus, 8\n1: j 1b",
    "interrupts off, all of them": "li t0, 0xaaa\n csrw mie, t0\n1: j 1b",
    "wfi with a pending interrupt": f"{TIMER}\n1: wfi\n j 1b",
    "supervisor": f"{SUPERVISOR}\n1: j 1b",
    "user": f"{SUPERVISOR.replace('0x800', '0')}\n1: j 1b",
}
OPEN = {
    "a counter": "1: addi t0, t0, 1\n j 1b",
    "a device": "li t1, 0x10000000\n1: lbu t0, 5(t1)\n j 1b",
    "time": "1: rdtime t0\n j 1b",
    "the CLINT": "li t1, 0x200bff8\n1: lw t0, (t1)\n j 1b",
    "pending interrupts": "1: csrr t0, mip\n j 1b",
    "a store of something else": "la s0, flag\n1: lw t0, (s0)\n addi t0, t0, 1\n sw t0, (s0)\n li t0, 0\n j 1b",
    "a lock that is passed on": "la s0, flag\n li t1, 1\n1: amoadd.w t0, t1, (s0)\n li t0, 0\n j 1b",
    "interrupts on": f"{TIMER}\n csrsi mstatus, 8\n1: j 1b",
    "user mode": f"{TIMER}{SUPERVISOR.replace('0x800', '0')}\n1: j 1b",
    "an exception that is handled": "la t0, 2f\n csrw mtvec, t0\n1: ecall\n j 1b\n .balign 4\n2: j 1b",
}
DATA = "\n.data\nflag: .word 0\nheld: .word 1\n"


def machine_of(text: str, **options: object) -> Machine:
    machine = Machine.from_source(f"_start:\n{text}{DATA}", memory=1 << 16, **options)  # type: ignore[arg-type]
    machine.ends_trap_loops = True
    return machine


def budget(machine: Machine, looks: int = 3) -> int:
    return looks * machine.engine.kind.steps_per_look


@pytest.mark.parametrize("name", ENDLESS)
def test_an_endless_loop_ends(name: str) -> None:
    machine = machine_of(ENDLESS[name])
    exit = machine.run(max_instructions=budget(machine))
    assert exit.reason is ExitReason.ENDLESS_LOOP
    assert exit.pc <= machine.pc < exit.pc + 64, "the place where the loop begins"


COMPRESSED = {
    "itself": ("01a0", ExitReason.ENDLESS_LOOP),  # c.j .
    "lengths": ("0100 13000000 d5bf", ExitReason.ENDLESS_LOOP),  # c.nop; nop; c.j .-12 (through what is before)
    "straddles": ("13051500 7d15 edbf", ExitReason.ENDLESS_LOOP),  # addi a0, a0, 1; c.addi a0, -1; c.j .-6
    "counts": ("0505 fdbf", ExitReason.LIMIT),  # c.addi a0, 1; c.j .-2
    "traps": ("0000 fdbf", ExitReason.LIMIT),  # an illegal one
}
"""Code that is entered at its first instruction, the last halfword of a page, and how it ends."""


@pytest.mark.parametrize("name", COMPRESSED)
@pytest.mark.parametrize("offset", [0x2000, 0x2FFE])
def test_loops_of_either_length(name: str, offset: int) -> None:
    machine = Machine(isa="rv32imac", memory=1 << 16)
    machine.ends_trap_loops = True
    code, reason = COMPRESSED[name]
    before = bytes.fromhex("0100 0100 0100")
    machine.write(machine.ram_base + offset - len(before), before + bytes.fromhex(code))
    machine.pc = machine.ram_base + offset
    machine.csr["mtvec"] = machine.pc
    exit = machine.run(max_instructions=budget(machine))
    assert exit.reason is (ExitReason.TRAP_LOOP if name == "traps" else reason)


@pytest.mark.parametrize("name", OPEN)
def test_what_may_end_goes_on(name: str) -> None:
    machine = machine_of(OPEN[name])
    machine.csr["mtvec"] = machine.pc
    assert machine.run(max_instructions=budget(machine)).reason is ExitReason.LIMIT


@pytest.mark.parametrize("technique", TECHNIQUES)
@pytest.mark.parametrize("name", ["itself", "a lock that nobody frees", "supervisor"])
def test_a_virtual_machine_ends_where_the_bare_one_does(name: str, technique: str) -> None:
    bare, virtual = machine_of(ENDLESS[name]), machine_of(ENDLESS[name], technique=technique)
    assert bare.run() == virtual.run() and bare.cycle == virtual.cycle


def test_a_loop_that_begins_late_ends_soon() -> None:
    machine = machine_of("li t0, 0\n1: addi t0, t0, 1\n bne t0, s0, 1b\n2: j 2b")
    looks = EAGER + 3
    machine.x["s0"] = budget(machine, looks) // 2
    assert machine.run(max_instructions=budget(machine, looks + SELDOM + 2)).reason is ExitReason.ENDLESS_LOOP


HARTS = {
    "all trap": (".word 0", ExitReason.TRAP_LOOP),
    "one traps, one loops": ("csrr t0, mhartid\n beqz t0, 1f\n.word 0\n1: j 1b", ExitReason.TRAP_LOOP),
    "one loops, one sleeps": ("csrr t0, mhartid\n beqz t0, 1f\n2: wfi\n j 2b\n1: j 1b", ExitReason.ENDLESS_LOOP),
    "one loops, one waits for a message": (
        "csrr t0, mhartid\n beqz t0, 1f\n csrwi mie, 8\n2: wfi\n j 2b\n1: j 1b", ExitReason.ENDLESS_LOOP,
    ),
    "each waits for the other": ("1: lw t0, flag\n beqz t0, 1b", ExitReason.ENDLESS_LOOP),
    "one will set the flag": (
        "csrr t0, mhartid\n beqz t0, 1f\n2: addi s0, s0, 1\n j 2b\n1: lw t0, flag\n beqz t0, 1b", ExitReason.LIMIT,
    ),
    "a timer will wake one": (
        "csrr t0, mhartid\n beqz t0, 1f\n li t3, 0x2004008\n li t4, 0x100000\n sw t4, 4(t3)\n li t3, 0x80\n"
        " csrw mie, t3\n wfi\n2: j 2b\n1: j 1b", ExitReason.LIMIT,
    ),
    "input will wake one": (
        "csrr t0, mhartid\n beqz t0, 1f\n li t3, 0x10000000\n li t4, 1\n sb t4, 1(t3)\n li t3, 0x800\n"
        " csrw mie, t3\n wfi\n2: j 2b\n1: j 1b", ExitReason.LIMIT,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", HARTS)
@pytest.mark.parametrize("harts", [2, 3])
def test_several_harts(name: str, harts: int) -> None:
    text, reason = HARTS[name]
    machine = machine_of(text, harts=harts)
    assert machine.run(max_instructions=budget(machine, EAGER)).reason is reason


def test_a_device_that_may_write_to_memory_may_end_a_loop() -> None:
    machine = machine_of("1: j 1b")
    assert machine.board is not None
    console = VirtioConsole(machine.console)
    machine.board.plug(console)
    console.awaits_input = True
    assert machine.run(max_instructions=budget(machine)).reason is ExitReason.LIMIT
    console.awaits_input = False
    assert machine.run(max_instructions=budget(machine)).reason is ExitReason.ENDLESS_LOOP


def test_a_machine_that_does_not_ask_for_it_goes_on() -> None:
    machine = machine_of("1: j 1b")
    machine.ends_trap_loops = False
    assert machine.run(max_instructions=budget(machine)).reason is ExitReason.LIMIT


PAGED = """
        li t0, -1; csrw pmpaddr0, t0; li t0, 0x1f; csrw pmpcfg0, t0
        li t0, 0x80080003; csrw satp, t0
        li t0, 0x1800; csrc mstatus, t0; li t0, 0x800; csrs mstatus, t0
        la t0, super; csrw mepc, t0; li s1, 0x80004004; mret
        .balign 4096
super:  {body}
        .balign 4096
        .rept 1024
        j .
        .endr
root:   .space 4 * 0x200
        .word 0x20001001
        .balign 4096
leaf:   .word 0x200000cf, 0x200004cf, 0x200008cf, 0x20000ccf, 0x200010cf
        .balign 4096
"""
STALE = {
    "its entry becomes invalid": ("sw zero, (s1)\n1: j 1b", ExitReason.ENDLESS_LOOP),
    "its entry leads to a page that loops": (
        "li t1, 0x200008cf\n sw t1, (s1)\n1: addi t0, t0, 1\n j 1b", ExitReason.LIMIT,
    ),
    "its entry leads to a page that loops, and it loops": (
        "li t1, 0x200008cf\n sw t1, (s1)\n1: nop\n j 1b", ExitReason.ENDLESS_LOOP,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STALE)
def test_a_translation_that_the_tables_no_longer_hold(name: str) -> None:
    """What the hart goes on to execute counts; and looking changes nothing that it has cached."""
    body, reason = STALE[name]
    watched, plain = machine_of(PAGED.format(body=body)), machine_of(PAGED.format(body=body))
    plain.ends_trap_loops = False
    assert watched.run(max_instructions=budget(watched)).reason is reason
    plain.run(max_instructions=watched.cycle)
    assert watched.digest() == plain.digest() and watched.pc == plain.pc
    assert watched.engine.harts["fetch_tlb"].tobytes() == plain.engine.harts["fetch_tlb"].tobytes()


def test_a_guest_that_waits_for_htif_goes_on() -> None:
    """Each look finds it in the same loop, which only the host's answer ends."""
    source = """
    _start: la s0, tohost
            li s1, 40
    1:      li t0, 'x'
            li t1, 0x01010000
            sw t0, (s0)
            sw t1, 4(s0)
    2:      lw t0, (s0)
            lw t1, 4(s0)
            or t0, t0, t1
            bnez t0, 2b
            addi s1, s1, -1
            bnez s1, 1b
            li t0, 1
            sw t0, (s0)
            sw zero, 4(s0)
    3:      j 3b
            .data
            .balign 64
            .globl tohost, fromhost
    tohost: .dword 0
            .balign 64
    fromhost: .dword 0
    """
    machine = Machine.from_source(source, memory=1 << 20)
    machine.ends_trap_loops = True
    exit = machine.run(max_instructions=1_000_000)
    assert (exit.reason, exit.code, machine.console.output) == (ExitReason.HALT, 0, b"x" * 40)
