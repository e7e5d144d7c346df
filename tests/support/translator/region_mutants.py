"""Mistakes seeded into the second tier, and the guests that notice them."""

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

import numpy as np

from support.translator import translated
from support.translator.translated import CONTEXT, NO_TOHOST, Translated, alone, beside, packed, run, write_code
from trapline import Machine
from trapline.isa.sv32 import PAGE
from trapline.isa.word import WORD
from trapline.vm.core.stops import NEAR_TOHOST
from trapline.vm.translator import regions

FOLDER = Path(regions.__file__).parent
PACKAGE = regions.__name__
IN_ORDER = ("metadata", "lines", "formation", "accesses", "lookups", "places", "region_text", "compilation")
"""The modules of a region, those that others import first."""
BASE = 0x80000000
SIZE = 32 * PAGE


class Mistake(NamedTuple):
    """A mistake: in a module, `old`, which is there once, becomes `new`."""

    module: str
    old: str
    new: str


MISTAKES = {
    "a block does not ask for its steps": Mistake(
        "region_text", "icmp slt i64 {left}, 0", "icmp slt i64 {left}, -9999"
    ),
    "a block asks for one step too few": Mistake("region_text", "icmp slt i64 {left}, 0", "icmp slt i64 {left}, -1"),
    "a block leaves with its steps taken": Mistake(
        "region_text", "short = self._leave(HALFWORD * block.leader, before)",
        "short = self._leave(HALFWORD * block.leader, left)",
    ),
    "what is left undone is counted": Mistake(
        "region_text", "miss = self._leave(HALFWORD * step.parcel, self.let(f\"add i64 {left}, {undone}\"))",
        "miss = self._leave(HALFWORD * step.parcel, left)",
    ),
    "a miss leaves at the begin of its block": Mistake(
        "region_text", "miss = self._leave(HALFWORD * step.parcel,", "miss = self._leave(HALFWORD * block.leader,"
    ),
    "a computed jump that is not done is counted": Mistake(
        "region_text", 'HALFWORD * step.parcel, self.let(f"add i64 {left}, 1")', "HALFWORD * step.parcel, left"
    ),
    "a function comes back to another place": Mistake(
        "region_text", "i64 {HALFWORD * point}, label %b{point}", "i64 {HALFWORD * point}, label %b{points[0]}"
    ),
    "a link is where the jump is": Mistake(
        "region_text", "self._write(step, self._in_page(block.after))", "self._write(step, self._in_page(step.parcel))"
    ),
    "some registers are not stored": Mistake(
        "region_text", "self._end([] if self._through else sorted(written))", "self._end(sorted(written)[1:])"
    ),
    "a large region does not store registers": Mistake(
        "region_text", "            if self._through:", "            if False:"
    ),
    "addresses are those of another page": Mistake("region_text", "trunc i64 %vbase to i32", "trunc i64 %place to i32"),
    "a branch goes the other way": Mistake(
        "region_text", "br i1 {taken}, label %{there}, label %{self._to(block.after, left)}",
        "br i1 {taken}, label %{self._to(block.after, left)}, label %{there}",
    ),
    "a narrow load has what is above": Mistake(
        "region_text", 'f"zext i{bits} {value} to i32"', 'f"sext i{bits} {value} to i32"'
    ),
    "a region is entered at another place": Mistake(
        "region_text", "leader if name == 'place'", "region.entries[0] if name == 'place'"
    ),
    "a page that is not in the TLB is accessed": Mistake(
        "lookups", "br i1 {f.let(f'icmp eq i64 {tag}, {wanted}')}", "br i1 {f.let(f'icmp ne i64 {tag}, 1')}"
    ),
    "a group is not looked for in the TLB": Mistake(
        "places", "found_here, room = f.let(f\"icmp eq i64 {tag}, {wanted}\")",
        "found_here, room = f.let(f\"icmp ne i64 {tag}, 1\")",
    ),
    "stores of a group are not looked for in the TLB": Mistake(
        "lookups", "plain = f.let(f\"icmp eq i64 {tag}, {wanted}\")", "plain = f.let(f\"icmp ne i64 {tag}, 1\")"
    ),
    "a window begins with tohost": Mistake("lookups", "i64 {behind}, i64 {page}", "i64 {tohost}, i64 {page}"),
    "a window ends behind tohost": Mistake("lookups", "i64 {tohost}, i64 {page_end}", "i64 {behind}, i64 {page_end}"),
    "a window is the page of tohost": Mistake(
        "lookups", "i64 {tohost}, i64 {page_end}", "i64 {page_end}, i64 {page_end}"
    ),
    "stores of a group may be to tohost": Mistake(
        "lookups", 'near, f.let(f"or i1 {is_behind}, {is_before}")', "near"
    ),
    "a group may reach into the next page": Mistake(
        "places", "return (PAGE - group.span) >> _bits(group)", "return (PAGE - 4) >> _bits(group)"
    ),
    "a group need not be aligned": Mistake("places", "        if bits:  # what", "        if False:  # what"),
    "a slot is another register's": Mistake(
        "places", 'return f".{group.kind.name}.{group.register}{shape}"',
        'return f".{group.kind.name}.{min(group.register, 2)}{shape}"',
    ),
    "loads and stores share slots": Mistake(
        "places", 'return f".{group.kind.name}.{group.register}{shape}"', 'return f".both.{group.register}"'
    ),
    "stores of any shape share a slot": Mistake("places", 'if group.kind is Kind.STORE else ""', 'if False else ""'),
    "an access by itself keeps its page": Mistake(
        "lookups", 'f.do(f"store i64 {offset}, ptr %offset{slot}, !tbaa {SLOTS}")', "pass"
    ),
    "a pointer leads to where the last one has led": Mistake(
        "lookups", "icmp ult i64 {distance}, {PAGE}", "icmp ne i64 {distance}, 1"
    ),
    "any access may use a slot": Mistake(
        "places", "icmp eq i64 {known}, {aligned}", "icmp ule i64 {known}, {aligned}"
    ),
    "a call asks whether the access is aligned as a byte": Mistake(
        "lookups", "wide, fixed_bits(instruction)))", "wide, PAGE_BASE))"
    ),
    "a call asks the TLB of loads": Mistake("lookups", "ask(f, kind, '%wide'", "ask(f, Kind.LOAD, '%wide'"),
    "a register that was moved on is as before": Mistake(
        "accesses", "origin[0], origin[1] + imm", "origin[0], origin[1]"
    ),
    "a register that was overwritten is known": Mistake(
        "accesses", "origins[rd_of(step.decoded)] = after",
        "origins.update({rd_of(step.decoded): after} if after else {})",
    ),
    "accesses far apart are a group": Mistake("accesses", "<= PAGE // 2", "<= 16 * PAGE"),
    "accesses of a group are aligned alike": Mistake("accesses", "(offset - first) % own == 0", "True"),
}  # fmt: skip


def made(mistake: Mistake | None) -> SimpleNamespace:
    """What `Translated` takes of the second tier, with a mistake."""
    names = [f"{PACKAGE}.{name}" for name in IN_ORDER]
    before = {name: sys.modules.get(name) for name in names}
    try:
        for name, short in zip(names, IN_ORDER, strict=True):
            text = (FOLDER / f"{short}.py").read_text()
            if mistake is not None and short == mistake.module:
                assert text.count(mistake.old) == 1, f"{text.count(mistake.old)} times {mistake.old!r}"
                text = text.replace(mistake.old, mistake.new)
            module = sys.modules[name] = ModuleType(name)
            exec(compile(text, name, "exec"), module.__dict__)
        formation, compilation = (sys.modules[f"{PACKAGE}.{name}"] for name in ("formation", "compilation"))
        return SimpleNamespace(
            blocks_of=formation.blocks_of, form=formation.form, compile_region=compilation.compile_region,
            place=compilation.place, jump=compilation.jump,
        )  # fmt: skip
    finally:
        for name, module in before.items():
            if module is not None:
                sys.modules[name] = module
            else:
                sys.modules.pop(name)


GUESTS = {
    "calls": """
_start: la s0, data
        li s1, 200
loop:   mv a0, s1
        call twice
        mv s2, a0
        call twice
        add s3, s3, a0
        jal t0, near
        andi t1, s1, 3
        bnez t1, 2f
        la t2, other
        jr t2
2:      andi t1, s1, 15
        bnez t1, 3f
        la t2, far
        jalr t2
3:      addi s1, s1, -1
        li t1, 60
        bne s1, t1, 4f
        la t2, late
        jr t2
4:      bnez s1, loop
        j _start
near:   addi s4, s4, 1
        jr t0
twice:  add a0, a0, a0
        ret
        .balign 8
late:   addi s7, s7, 5
        csrr t3, mscratch
        j 4b
        .balign 8
other:  addi s5, s5, 3
        csrr t3, mscratch
        j 2b
        .balign 4096
far:    addi s6, s6, 1
        ret
data:   .word 0
""",
    "accesses": """
_start: la s0, data
        la s1, data + 3 * 4096 - 8
        li s4, -1
1:      lw t0, 0(s0)
        lhu t1, 8(s0)
        lb t5, 11(s0)
        add t0, t0, t1
        xor t0, t0, t5
        sw t0, 4(s0)
        lw t4, 4(s1)
        addi s0, s0, 12
        sb t0, 3(s0)
        lbu t2, 3(s0)
        lw s5, 8(s0)
        addi t0, t0, 91
        lw a0, -8(s1)
        la a0, data
        lw a1, 16(a0)
        sw a1, 24(s1)
        la t3, data
        slli t2, t2, 4
        add t3, t3, t2
        lw a2, 0(t3)
        add s6, s6, a2
        add s6, s6, a1
        sw s6, 32(t3)
        addi s1, s1, -4
        addi s2, s2, 1
        andi a3, s2, 255
        bnez a3, 1b
        j _start
        .balign 4096
data:   .space 6 * 4096, 0x35
""",
    "misaligned": """
_start: la s0, data
        la t6, trap
        csrw mtvec, t6
1:      lw t0, 0(s0)
        lhu t1, 4(s0)
        add s1, s1, t0
        add s1, s1, t1
        sh s1, 6(s0)
        addi s2, s2, 1
        andi t2, s2, 15
        bnez t2, 1b
        la t4, data + 2
        jr t4
        addi s0, s0, 1
        andi t2, s2, 255
        bnez t2, 1b
        j _start
        .balign 4
trap:   csrr t6, mepc
        addi t6, t6, 4
        csrw mepc, t6
        addi s3, s3, 1
        mret
        .balign 4096
data:   .space 4096, 0x73
""",
}  # fmt: skip


def machine(guest: str) -> Machine:
    return Machine.from_source(GUESTS[guest], isa="rv32ima", memory=SIZE, engine="python")


def state(one: Machine) -> tuple[object, ...]:
    h = one.engine.h[0]
    return list(h.x), h.pc, h.cycle, one.engine.ram.tobytes()


LOOPS = [
    [
        packed("lw", rd=10, rs1=1), packed("lhu", rd=11, rs1=1, imm=6), packed("lb", rd=12, rs1=2, imm=-5),
        packed("sw", rs1=1, rs2=10, imm=8), packed("sb", rs1=2, rs2=11, imm=30), packed("addi", rd=1, rs1=1, imm=20),
        packed("sh", rs1=1, rs2=12, imm=2), packed("lw", rd=13, rs1=1, imm=-4),
    ],
    [
        packed("lw", rd=3, rs1=4), packed("lw", rd=14, rs1=4, imm=4), packed("lw", rd=4, rs1=4, imm=8),
        packed("lw", rd=4, rs1=4, imm=4), packed("add", rd=5, rs1=6, rs2=3), packed("lw", rd=15, rs1=5),
        packed("sw", rs1=5, rs2=13, imm=4),
    ],
    [packed("lw", rd=16, rs1=8), packed("lw", rd=17, rs1=9), packed("sw", rs1=9, rs2=17, imm=2044)],
    [
        packed("lbu", rd=18, rs1=8, imm=2047), packed("lbu", rd=18, rs1=8, imm=-2048),
        packed("addi", rd=8, rs1=8, imm=2000), packed("lbu", rd=19, rs1=8, imm=2000),
    ],
    [packed("lw", rd=20, rs1=6), packed("lhu", rd=21, rs1=6, imm=3)],
    [
        packed("sw", rs1=1, rs2=10), packed("addi", rd=1, rs1=1, imm=-4), packed("sb", rs1=2, rs2=10),
        packed("addi", rd=2, rs1=2, imm=1), packed("addi", rd=10, rs1=10, imm=1),
    ],
    [  # two blocks, whose stores off one register have different widths and spans
        packed("sb", rs1=1, rs2=10), packed("beq", rs1=7, imm=4), packed("sw", rs1=1, rs2=10),
        packed("sw", rs1=1, rs2=10, imm=8), packed("sh", rs1=2, rs2=10), packed("beq", rs1=7, imm=4),
        packed("sw", rs1=2, rs2=10, imm=20), packed("sb", rs1=2, rs2=10), packed("addi", rd=1, rs1=1, imm=4),
        packed("addi", rd=10, rs1=10, imm=1),
    ],
    [
        packed("lw", rd=5, rs1=4), packed("lw", rd=6, rs1=5), packed("addi", rd=4, rs1=4, imm=4),
        packed("add", rd=9, rs1=9, rs2=6),
    ],
]  # fmt: skip
"""What is repeated; x7 counts."""
PAGES = 12
TOHOST = 104
"""Where `tohost` is in its page."""


def accesses(tier: SimpleNamespace | None) -> list[tuple[object, ...]]:
    """What is done of each of LOOPS with many registers, where the TLBs have some pages, in no order, and one `tohost`.

    None: in the first tier.
    """
    return [state for body in LOOPS for state in accesses_of(body, tier)]


def accesses_of(body: list[int], tier: SimpleNamespace | None) -> Iterator[tuple[object, ...]]:
    """The same of one body: it may change all registers but x7."""
    hart = alone(PAGES)
    rng = random.Random(7)
    for tlb, count in ((hart.h.load_tlb, PAGES - 2), (hart.h.store_tlb, PAGES - 5)):
        where = random.Random(3).sample(range(1, PAGES), PAGES - 1)
        for page in range(1, PAGES):
            tlb[2 * page] = CONTEXT | page * PAGE if page < count else -1
            tlb[2 * page + 1] = (where[page - 1] - page) * PAGE
    stored = range(1, PAGES - 5)
    back = -WORD * (len(body) + 1)
    write_code(hart, [*body, packed("addi", rd=7, rs1=7, imm=-1), packed("bne", rs1=7, imm=back)])
    hart.watch(TOHOST)  # there is one: code is made for stores near it
    assert hart.translate(0, 0)
    if tier is not None:
        make: Callable[..., object] = hart.make_region
        assert make(tier=tier) is not None
    for _ in range(100):
        words = hart.ram.view(np.uint32)
        words[:] = np.resize([PAGE + WORD * rng.randrange((PAGES - 5) * PAGE // WORD) for _ in range(97)], len(words))
        marked = rng.choice((0, *stored))
        hart.watch(where[marked - 1] * PAGE + TOHOST if marked else NO_TOHOST)
        for page in stored:
            hart.h.store_tlb[2 * page] = CONTEXT | page * PAGE | (NEAR_TOHOST if page == marked else 0)
        for number in range(1, 10):
            near = marked if marked and rng.randrange(2) else rng.randrange(1, PAGES - 3)
            offset = rng.choice((0, -4, -8, -20, 4, 100)) + rng.choice((0, 0, 0, 0, 0, 1, 2))
            if near == marked and rng.randrange(3):
                offset = TOHOST + rng.randrange(-16, 24)
            hart.h.x[number] = PAGE * near + offset
        hart.h.x[7], hart.h.pc = 9, 0
        done = hart.enter(rng.choice((5, 23, 40, 100)))
        yield done, hart.h.pc, list(hart.h.x), hart.ram.tobytes()


BUDGETS = (1, 2, 3, 5, 8, 13, 300, 1000, 2500)
"""Steps after which the states are compared, after the first ones."""
BEFORE = 900


def expected(guest: str) -> list[tuple[object, ...]]:
    """What the interpreter does."""
    one = machine(guest)
    one.step(BEFORE)
    found = []
    for steps in BUDGETS:
        one.step(steps)
        found.append(state(one))
    return found


def found(guest: str, tier: SimpleNamespace) -> list[tuple[object, ...]]:
    """What a guest does in a region."""
    one = machine(guest)
    arrived = {BASE}
    for _ in range(BEFORE):
        before = one.pc
        one.step(1)
        if one.pc != before + 4:
            arrived.add(one.pc)
    hart: Translated = beside(one)
    assert hart.translate(BASE, *(pc for pc in arrived if pc < BASE + PAGE))
    with_tier: Callable[..., object] = hart.make_region
    assert with_tier(tier=tier) is not None
    result = []
    for steps in BUDGETS:
        run(hart, one, steps)
        result.append(state(one))
    assert hart.counts[0] > sum(BUDGETS) // 10 or tier is not translated.SECOND_TIER
    return result
