"""Short guests that notice a mistake in the translator."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from support import mixed_programs, random_programs
from support.machines import RAM, from_text
from support.translator.plain import Functions, Translating, pieces, seen
from trapline import Machine
from trapline.isa.sv32 import PAGE
from trapline.vm.translator import context
from trapline.vm.translator.stencil_file import Stencils

Made = tuple[Functions, Stencils]
MIXED = "rv32imac_zba_zbb_zbs_zicond"
CALLS = """
_start: la s0, data
        li s1, 5
loop:   lw t0, 0(s0)
        addi t0, t0, 3
        sw t0, 4(s0)
        lbu t1, 4(s0)
        mul t2, t1, t0
        jal ra, double
        auipc t4, 3
        add x0, t4, t4
        add t5, t5, x0
        bne t2, s1, loop
        j loop
double: add t2, t2, t2
        csrr t3, cycle
        beq t2, x0, loop
        ret
        .align 12
data:   .word 7, 0
"""
CHANGES_ITSELF = """
_start: la s0, change
        la s1, far + 4
        lw t0, 0(s0)
        lw t1, 0(s1)
        li t2, 1 << 20
again:  add t0, t0, t2          # each time around they count by another number
        add t1, t1, t2
        sw t0, 0(s0)
        addi s2, s2, 1
        jal far
        addi s3, s3, 1
change: addi s4, s4, 1
        jal far
        j again
        .space 2400
far:    addi s5, s5, 1
        addi s6, s6, 2
        sw t1, 0(s1)
        ret
"""
CHANGES_RARELY = """
_start: la s0, change
        lw t0, 0(s0)
        li t2, 1 << 20
again:  li s1, 12
1:      addi s2, s2, 1
change: addi s4, s4, 1
        addi s1, s1, -1
        bnez s1, 1b
        add t0, t0, t2
        sw t0, 0(s0)
        j again
"""
MODES = """
_start: la t0, handler
        csrw mtvec, t0
        li t0, (0x80000000 >> 2) | 0x1ff
        csrw pmpaddr0, t0       # U mode may execute this page, and has no data
        li t0, 0x1f
        csrw pmpcfg0, t0
        la s0, data
        li s1, 20
loop:   lw t0, 0(s0)
        lh t1, 2(s0)
        addi t0, t0, 1
        sw t0, 0(s0)
        sh t0, 6(s0)
        lw t2, 1(s1)            # misaligned, or nothing there
        addi s1, s1, -1
        bnez s1, loop
        la t0, loop
        csrw mepc, t0
        li s1, 20
        mret                    # to U mode
handler:
        csrr t3, mepc
        addi t3, t3, 4
        csrw mepc, t3
        addi s5, s5, 1
        mret
        .align 12
        .align 13
data:   .word 7, 9
"""
CSRS = """
_start: la t0, handler
        csrw mtvec, t0
        li t0, (0x80000000 >> 2) | 0x1ff
        csrw pmpaddr0, t0       # U mode may execute this page, and has no data
        li t0, 0x1f
        csrw pmpcfg0, t0
        la s0, data
        li s4, 1 << 17          # MPRV
        csrsi mie, 2
loop:   li s1, 8
1:      csrrw s2, mscratch, s1
        addi s3, s1, 3
        csrw mepc, s3
        csrr t1, mepc
        csrrs t2, sscratch, s1
        csrrci t4, mstatus, 8
        csrrsi t5, mstatus, 8
        addi s1, s1, -1
        bnez s1, 1b
        csrci mstatus, 8
        csrsi mip, 2
        csrsi mstatus, 8        # the interrupt is taken
        addi s5, s5, 1
        csrs mstatus, s4        # MPP is U
        lw t0, 0(s0)            # a fault
        csrc mstatus, s4
        la t0, user
        csrw mepc, t0
        mret
user:   addi s6, s6, 1
        csrr a0, mscratch
        csrr a1, sstatus
        csrw sscratch, s6
        ecall
handler:
        csrr t3, mcause
        bltz t3, 1f
        addi t3, t3, -8
        beqz t3, loop           # ecall
        csrr t3, mepc
        addi t3, t3, 4
        csrw mepc, t3
        mret
1:      csrci mip, 2
        mret
        .align 12
        .align 13
data:   .word 7
"""
HARTS = """
_start: csrr s0, mhartid
        addi s1, s0, 1
loop:   add s2, s2, s1
        xor s3, s3, s2
        add s4, s4, s3
        j loop
"""
POINTERS = """
        .option rvc
_start: la s0, table
        li s1, 0
loop:   andi t0, s1, 12
        add t0, t0, s0
        lw t0, 0(t0)
        addi s1, s1, 4
        jalr ra, t0, 0
        addi s2, s2, 1
        c.nop
        jalr s4, t0, 0
        j loop
one:    addi s3, s3, 1
        c.jr ra
        .align 12
two:    addi s5, s5, 1
        beqz x0, three
        ret
        .align 11
three:  addi s6, s6, 1
        bnez s6, 1f
        ret
1:      li t1, 3
2:      addi t1, t1, -1
        bnez t1, 2b
        jr ra
        .align 12
four:   addi s7, s7, 1
        ret
        .align 4
table:  .word one, two, three, four
"""
RING = "_start:\n" + "".join(
    f"""p{n}: li t0, 3
1:      addi t0, t0, -1
        addi s{n}, s{n}, {n}
        bnez t0, 1b
        la t1, p{(n + 1) % 6}
        jr t1
        .align 12
"""
    for n in range(6)
)


@dataclass(frozen=True)
class Guest:
    """A program, and how many runs of it there are. room, tables: see `Translating`."""

    build: Callable[[], Machine]
    runs: int = 60
    room: int | None = None
    tables: int | None = None

    def states(self, made: Made | None, second_tier: bool = False) -> list[tuple[object, ...]]:
        """The state after each run: with these functions and stencils, or all interpreted."""
        machine = self.build()
        translating = None if made is None else Translating(machine, *made, self.room, self.tables, second_tier)
        found = []
        for steps in pieces(self.runs, self.runs):
            if translating is None:
                machine.run(max_instructions=steps)
            else:
                translating.run(steps)
            found.append(seen(machine))
        if translating is not None:
            word = context.REGION_STEPS if second_tier else context.STEPS
            found.append((translating.words[word] > 0,))
        return found


def text(source: str, isa: str = "rv32imac", harts: int = 1) -> Callable[[], Machine]:
    """A machine that is about to run this."""
    return lambda: from_text(source, isa=isa, harts=harts, memory=8 * PAGE, engine="python")


def words(seed: int, mixed: bool) -> Callable[[], Machine]:
    """The same of a random program, which begins again and again."""

    def build() -> Machine:
        rng = random.Random(seed)
        machine = Machine(isa=MIXED, memory=32 * PAGE, engine="python")
        long = b"".join(word.to_bytes(4, "little") for word in random_programs.program(rng, 120))
        machine.write(RAM, mixed_programs.program(rng, 90) if mixed else long)
        for number in random_programs.BASE_REGISTERS:
            machine.x[number] = random_programs.DATA + random_programs.DATA_SIZE // 2
        return machine

    return build


GUESTS = {
    "calls": Guest(text(CALLS)),
    "pointers": Guest(text(POINTERS), 90),
    "changes itself": Guest(text(CHANGES_ITSELF), 60),
    "changes rarely": Guest(text(CHANGES_RARELY), 70),
    "modes": Guest(text(MODES), 70),
    "csrs": Guest(text(CSRS), 90),
    "ring": Guest(text(RING), 60, tables=3),
    "narrow ring": Guest(text(RING), 60, room=1_000),
    "whole ring": Guest(text(RING), 60),
    "harts": Guest(text(HARTS, harts=2), 150),
    **{f"words {seed}": Guest(words(seed, False), 20) for seed in range(3)},
    **{f"parcels {seed}": Guest(words(seed, True), 20) for seed in range(3)},
}


LOOPS = ("calls", "pointers", "changes rarely", "modes", "ring", "narrow ring", "harts")
"""Those of which the second tier executes something."""


@cache
def right(name: str) -> list[tuple[object, ...]]:
    """The states of a guest that is interpreted, and that something was translated."""
    return [*GUESTS[name].states(None), (True,)]
