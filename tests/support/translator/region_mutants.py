"""Mistakes seeded into the second tier, and the guests that notice them."""

import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

import numpy as np

from support.translator import translated
from support.translator.region_guests import GUESTS
from support.translator.translated import CONTEXT, NO_TOHOST, Translated, alone, beside, packed, run, write_code
from trapline import Machine
from trapline.isa.sv32 import PAGE
from trapline.isa.word import WORD
from trapline.vm.core.stops import NEAR_TOHOST
from trapline.vm.translator import regions

FOLDER = Path(regions.__file__).parent
PACKAGE = regions.__name__
IN_ORDER = ("metadata", "lines", "formation", "accesses", "lookups", "places", "region_text", "placing", "compilation")
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
        "region_text", "self._exit(\"near\", HALFWORD * block.leader, before)",
        "self._exit(\"near\", HALFWORD * block.leader, left)",
    ),
    "what is left undone is counted": Mistake(
        "region_text", "leaving_place(step.parcel, undone)", "leaving_place(step.parcel, 0)"
    ),
    "a miss leaves at the begin of its block": Mistake(
        "region_text", "leaving_place(step.parcel, undone)", "leaving_place(block.leader, undone)"
    ),
    "a computed jump that is not done is counted": Mistake(
        "region_text", "leaving_place(step.parcel, 1)", "leaving_place(step.parcel, 0)"
    ),
    "a function comes back to another place": Mistake(
        "region_text", "i64 {HALFWORD * point}, label %b{point}", "i64 {HALFWORD * point}, label %b{points[0]}"
    ),
    "a link is where the jump is": Mistake(
        "region_text", "self._write(step, self._in_page(block.after))", "self._write(step, self._in_page(step.parcel))"
    ),
    "some registers are not stored": Mistake(
        "region_text", "[] if self._through else sorted(written)", "sorted(written)[1:]"
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
        "compilation", "{LEADER: leader, REGION: 0}", "{LEADER: region.entries[0], REGION: 0}"
    ),
    "a page that is not in the TLB is accessed": Mistake(
        "lookups", "br i1 {f.let(f'icmp eq i64 {tag}, {wanted}')}", "br i1 {f.let(f'icmp ne i64 {tag}, 1')}"
    ),
    "a group is not looked for in the TLB": Mistake(
        "lookups", "found, size = f.let(f\"icmp eq i64 {tag}, {wanted}\")",
        "found, size = f.let(f\"icmp ne i64 {tag}, 1\")",
    ),
    "stores of a group are not looked for in the TLB": Mistake(
        "lookups", 'f.let(f"or i1 {plain}, {apart}")', 'f.let(f"or i1 true, {apart}")'
    ),
    "stores behind tohost may reach into the next page": Mistake(
        "lookups", 'f.let(f"icmp sle i64 {end}, {page_end}")', '"true"'
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
    "a group need not be aligned": Mistake("lookups", "    if bits:  # what", "    if False:  # what"),
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
    "a block that is left to the first tier takes its steps twice": Mistake(
        "placing", "jump(memory, end, block + len(head))", "jump(memory, end, block)"
    ),
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
        formation, placing, compilation = (
            sys.modules[f"{PACKAGE}.{name}"] for name in ("formation", "placing", "compilation")
        )
        return SimpleNamespace(
            blocks_of=formation.blocks_of, form=formation.form, compile_region=compilation.compile_region,
            place=placing.place, lead=placing.lead,
        )  # fmt: skip
    finally:
        for name, module in before.items():
            if module is not None:
                sys.modules[name] = module
            else:
                sys.modules.pop(name)


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
TOHOSTS = (104, 104, 0, PAGE - 24, PAGE - 16, PAGE - 8)
"""Where `tohost` may be in its page."""


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
    hart.watch(TOHOSTS[0])  # there is one: code is made for stores near it
    assert hart.translate(0, 0)
    if tier is not None:
        make: Callable[..., object] = hart.make_region
        assert make(tier=tier) is not None
    for _ in range(200):
        words = hart.ram.view(np.uint32)
        words[:] = np.resize([PAGE + WORD * rng.randrange((PAGES - 5) * PAGE // WORD) for _ in range(97)], len(words))
        marked, tohost = rng.choice((0, *stored)), rng.choice(TOHOSTS)
        hart.watch(where[marked - 1] * PAGE + tohost if marked else NO_TOHOST)
        for page in stored:
            hart.h.store_tlb[2 * page] = CONTEXT | page * PAGE | (NEAR_TOHOST if page == marked else 0)
        for number in range(1, 10):
            near = marked if marked and rng.randrange(2) else rng.randrange(1, PAGES - 3)
            offset = rng.choice((0, -4, -8, -20, 4, 100)) + rng.choice((0, 0, 0, 0, 0, 1, 2))
            if near == marked and rng.randrange(3):
                offset = tohost + WORD * rng.randrange(-4, 6) + rng.choice((0, 0, 0, 0, 1, 2))
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
