"""Translators with one mistake each, and guests that notice them."""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from unittest.mock import patch

from support import mixed_programs, random_programs
from support.machines import RAM, from_text
from support.mutants.engine import Change, in_function
from support.translator.plain import Functions, Translating, functions, pieces, seen
from trapline import Machine
from trapline.isa.sv32 import PAGE
from trapline.vm.codegen.engine_text import engine_text
from trapline.vm.translator import context, stencils
from trapline.vm.translator.stencil_file import Stencils

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

    def states(self, made: tuple[Functions, Stencils] | None) -> list[tuple[object, ...]]:
        """The state after each run: with these functions and stencils, or all interpreted."""
        machine = self.build()
        translating = None if made is None else Translating(machine, *made, self.room, self.tables)
        found = []
        for steps in pieces(self.runs, self.runs):
            if translating is None:
                machine.run(max_instructions=steps)
            else:
                translating.run(steps)
            found.append(seen(machine))
        if translating is not None:
            found.append((translating.words[context.STEPS] > 0,))
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
    "modes": Guest(text(MODES), 70),
    "ring": Guest(text(RING), 60, tables=3),
    "narrow ring": Guest(text(RING), 60, room=700),
    "harts": Guest(text(HARTS, harts=2), 150),
    **{f"words {seed}": Guest(words(seed, False), 20) for seed in range(3)},
    **{f"parcels {seed}": Guest(words(seed, True), 20) for seed in range(3)},
}


@cache
def right(name: str) -> list[tuple[object, ...]]:
    """The states of a guest that is interpreted, and that something was translated."""
    return [*GUESTS[name].states(None), (True,)]


@dataclass(frozen=True)
class Mutant:
    """A change of one of the engine's functions, or of a stencil's IR (`ir`: the names of its functions, a pattern)."""

    function: str = ""
    old: str = ""
    new: str = ""
    ir: str = ""

    def made(self) -> tuple[Functions, Stencils]:
        """Functions and stencils with the mistake."""
        made = functions()
        if self.ir:
            return made, mutated_stencils(self.ir, self.old, self.new)
        change: Change = in_function(self.function, self.old, self.new)
        body = change(engine_text())
        start = body.index(f"def {self.function}(")
        end = body.find("\ndef ", start)
        exec(compile(body[start : end if end >= 0 else None], f"<{self.function}>", "exec"), made)
        return made, right_stencils()


right_stencils = cache(stencils.build)


def mutated_stencils(names: str, old: str, new: str) -> Stencils:
    """Stencils in whose functions with these names `new` replaces `old`, all of them patterns."""
    before = stencils.module_text

    def changed(triple: str) -> str:
        count = 0

        def replaced(match: re.Match[str]) -> str:
            nonlocal count
            body, n = re.subn(old, new, match[0])
            count += n
            return body

        result = re.sub(rf"^define [^\n]*@({names})\(.*?^}}", replaced, before(triple), flags=re.M | re.S)
        assert count, f"{names}: {old}"
        return result

    with patch.object(stencils, "module_text", changed):
        return stencils.build()


def seeded(function: str, old: str, new: str) -> Mutant:
    """A mistake in a function of the engine."""
    return Mutant(function, old, new)


def in_stencil(names: str, old: str, new: str) -> Mutant:
    """A mistake in stencils."""
    return replace(Mutant(old=old, new=new), ir=names)


MUTANTS = {
    # What is dropped
    "a store drops the decoded word alone": seeded("forget_code", "drop_translated(code, number)", "pass"),
    "what is translated is not dropped": seeded("drop_translated", "!= 0:", "== -1:"),
    "the second half of a page is not dropped": seeded(
        "drop_translated", "range(CODE_ENTRIES)", "range(CODE_ENTRIES // 2)"
    ),
    "a page does not say that it has machine code": seeded(
        "translate_page", "code[U64(first + PAGE_PARCELS)] = HAS_TRANSLATED", "pass"
    ),
    "memory is used again while entries lead there": seeded("drop_all", "drop_translated(code, pages[U64(i)])", "pass"),
    "two pages share a table": seeded("drop_all", "heat[U64(pages[U64(i)])] = 0", "pass"),
    "one page too many": seeded("note", ">= words[MAPS_SIZE]", "> words[MAPS_SIZE]"),
    # The steps that are left
    "blocks take nothing off the budget": seeded("emit_block", "BUDGET, d, leader, count", "BUDGET, d, leader, 0"),
    "blocks take one step too few off": seeded(
        "emit_block", "BUDGET, d, leader, count", "BUDGET, d, leader, count - 1"
    ),
    "what a block could not begin is lost": seeded(
        "emit_block", "count, 0, leaving_place(leader, count)", "count, 0, leaving_place(leader, 0)"
    ),
    "an instruction that is left counts": seeded("leaving_place", "undone <<", "(undone - 1) <<"),
    "a block may be entered with too little left": in_stencil("budget", r"icmp slt (i64 %v\d+), 0", r"icmp slt \1, -2"),
    "OUT forgets what is undone": in_stencil("out", r"add i64 %remaining, %v\d+", "add i64 %remaining, 0"),
    "one step too many is handed over": seeded(
        "enter_translated", "translator(code), left, pc", "translator(code), left + 1, pc"
    ),
    "a deadline is passed": seeded("execute", "left = limit - n if", "left = limit - n + 3 if"),
    # Places and registers
    "OUT leaves at another place": in_stencil("out", r"and i32 (%v\d+), 65535", r"and i32 \1, 4088"),
    "the hart is the first one": seeded(
        "enter_translated",
        "words[HART_AT] = address_of_registers(h)",
        "words[HART_AT] = words[HART_AT] or address_of_registers(h)",
    ),
    "an instruction is left at the one behind it": seeded(
        "leaving_place", "HALFWORD * parcel", "HALFWORD * parcel + 4"
    ),
    "the page's address has the offset in it": seeded("enter_translated", "pc & PAGE_BASE,", "pc,"),
    "x0 is written": seeded(
        "value_of", "register_offset(rd_of(d)) if rd_of(d) else PC_FIELD", "register_offset(rd_of(d))"
    ),
    "links are of 32 bits": seeded("value_of", "HALFWORD * after(d, parcel, plan)", "HALFWORD * (parcel + 2)"),
    "a jump by an immediate links nothing": seeded("emit_block", "if rd_of(d):", "if rd_of(d) == -1:"),
    "rs2 is rs1": seeded("value_of", "d >> PACKED_RS2", "d >> PACKED_RS1"),
    "an immediate has 16 bits": seeded("value_of", "return d >> PACKED_IMM", "return (d >> PACKED_IMM) & 0xFFFF"),
    "an instruction has no PLACE of its own": seeded(
        "leave_at", "(place & PLACE_OFFSET) // HALFWORD", "((place & PLACE_OFFSET) // HALFWORD & ~7)"
    ),
    # TLBs
    "a tag of another context will do": in_stencil(
        r"i\.l\w+",
        r"(%v\d+) = load i64, ptr (%v\d+), !tbaa !11\n(.*?icmp)",
        r"%raw = load i64, ptr \2, !tbaa !11\n  %low = and i64 %raw, 4294967295\n  \1 = or i64 %low, %tag\n\3",
    ),
    "stores ask the TLB of loads": in_stencil(
        r"i\.s[bhw]",
        r"i64 (132056|132064)",
        lambda m: f"i64 {int(m[1]) - 65536}",  # type: ignore[arg-type]
    ),
}
"""By what is wrong."""


def notices(made: tuple[Functions, Stencils]) -> str:
    """A guest that ends otherwise with these; empty if none does."""
    return next((name for name, guest in GUESTS.items() if guest.states(made) != right(name)), "")
