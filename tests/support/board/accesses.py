"""Accesses to the board's devices, here and on QEMU's `virt`, made by one guest program from a table.

The guest makes each access in M mode and records the result: the value loaded, mcause and mtval of the fault.
At the end it prints the notes on the UART, whatever state that is in, and stops at the test finisher.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from support.gnu import Find, qemu_system
from trapline import ExitReason, Machine
from trapline.asm import assemble_text

RAM = 0x80000000
UART, CLINT, PLIC, FINISHER = 0x10000000, 0x2000000, 0xC000000, 0x100000
KINDS = ("lb", "lh", "lw", "lbu", "lhu", "sb", "sh", "sw", "mip", "received", "pause")


@dataclass(frozen=True)
class Ask:
    """One line of the table: an instruction at an address.

    `mip` reads the CSR instead; `received` waits until the UART has a byte; `pause` lets `value` loops pass, for
    QEMU's other threads.
    """

    kind: str
    address: int = 0
    value: int = 0


@dataclass(frozen=True)
class Note:
    """The result of an access. cause: 0 for none."""

    value: int
    cause: int = 0
    tval: int = 0


GUEST = """
        .globl  _start
_start: la      t0, trap
        csrw    mtvec, t0
        la      s0, table
        la      s1, table_end
        la      s2, notes
next:   bgeu    s0, s1, report
        lw      t3, 0(s0)
        lw      t0, 4(s0)
        lw      t1, 8(s0)
        li      a0, 0
        li      a1, 0
        li      a2, 0
        jr      t3
noted:  sw      a0, 0(s2)
        sw      a1, 4(s2)
        sw      a2, 8(s2)
        addi    s0, s0, 12
        addi    s2, s2, 12
        j       next
        .irp    kind, lb, lh, lw, lbu, lhu
ask_\\kind:
        \\kind  a0, (t0)
        j       noted
        .endr
        .irp    kind, sb, sh, sw
ask_\\kind:
        \\kind  t1, (t0)
        j       noted
        .endr
ask_mip:
        csrr    a0, mip
        li      t1, ~0x80                       # not the timer
        and     a0, a0, t1
        j       noted
ask_received:
        li      t0, 0x10000000
1:      lbu     t1, 5(t0)
        andi    t1, t1, 1
        beqz    t1, 1b
        j       noted
ask_pause:
        addi    t1, t1, -1
        bnez    t1, ask_pause
        j       noted
        .balign 4
trap:   csrr    a1, mcause
        csrr    a2, mtval
        csrr    t3, mepc
        addi    t3, t3, 4
        csrw    mepc, t3
        mret

report: li      s3, 0x10000000
        sb      zero, 3(s3)                     # LCR: the divisor is not in the way
        sb      zero, 4(s3)                     # MCR: no loopback
        la      s0, notes
        li      a0, '<'
        call    put
1:      bgeu    s0, s2, 4f
        li      s4, 3                           # a note is three words, each followed by a blank
2:      lw      s5, (s0)
        addi    s0, s0, 4
        li      s6, 28
3:      srl     a0, s5, s6
        andi    a0, a0, 15
        addi    a0, a0, 'a'
        call    put
        addi    s6, s6, -4
        bgez    s6, 3b
        li      a0, ' '
        call    put
        addi    s4, s4, -1
        bnez    s4, 2b
        j       1b
4:      li      a0, '>'
        call    put
        li      a0, 10
        call    put
        li      t0, 0x100000
        li      t1, 0x5555
        sw      t1, (t0)
5:      j       5b
put:    lbu     t0, 5(s3)
        andi    t0, t0, 0x20
        beqz    t0, put
        sb      a0, (s3)
        ret
        .data
        .balign 4
table:
"""


Plug = Callable[[Machine], object]


def program(asks: Sequence[Ask]) -> bytes:
    """The guest with this table, as an ELF file."""
    rows = "".join(f".word ask_{ask.kind}, {ask.address:#x}, {ask.value:#x}\n" for ask in asks)
    text = f"{GUEST}{rows}table_end:\n .bss\n .balign 4\nnotes: .zero {12 * len(asks) + 12}\n"
    return assemble_text(text, text_base=RAM).elf


def _parse(output: bytes) -> tuple[bytes, list[Note]]:
    match = re.search(rb"<((?:[a-p]{8} )*)>\r?\n", output)
    assert match is not None, output
    words = [int("".join("0123456789abcdef"[letter - 97] for letter in word), 16) for word in match[1].split()]
    return output[: match.start()], [Note(*words[i : i + 3]) for i in range(0, len(words), 3)]


def ask_here(
    asks: Sequence[Ask], stdin: bytes = b"", plug: Plug | None = None, **options: bool
) -> tuple[bytes, list[Note]]:
    """The console output and the notes, on our machine. plug: puts devices into it; options: of Machine."""
    machine = Machine.from_elf(program(asks), memory=1 << 20, stdin=stdin, **options)
    if plug is not None:
        plug(machine)
    exit = machine.run(max_instructions=10_000 + 4000 * len(asks) + sum(2 * a.value for a in asks if a.kind == "pause"))
    assert exit.reason is ExitReason.HALT and exit.code == 0, exit
    return _parse(machine.console.output)


def ask_qemu(
    tool: Find, folder: Path, asks: Sequence[Ask], stdin: bytes = b"", options: Sequence[str] = ()
) -> tuple[bytes, list[Note]]:
    """The same on QEMU."""
    elf = folder / "asks.elf"
    elf.write_bytes(program(asks))
    outcome = qemu_system(tool, elf, *options, stdin=stdin)
    assert outcome.status == 0, outcome
    return _parse(outcome.output)


def assert_same(tool: Find, folder: Path, asks: Sequence[Ask], stdin: bytes = b"") -> list[Note]:
    """Check that both answer alike; the notes."""
    printed, ours = ask_here(asks, stdin)
    their_print, theirs = ask_qemu(tool, folder, asks, stdin)
    differing = [
        f"{number}: {ask}: here {mine}, QEMU {other}"
        for number, (ask, mine, other) in enumerate(zip(asks, ours, theirs, strict=True))
        if mine != other
    ]
    assert not differing, "\n".join(differing[:12])
    assert printed == their_print
    return ours
