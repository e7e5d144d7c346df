"""Translators with one mistake each."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from unittest.mock import patch

from support.mutants.engine import Change, in_function
from support.translator.guests import GUESTS, LOOPS, Made, right
from support.translator.plain import functions
from trapline.vm.codegen.engine_text import engine_text
from trapline.vm.core.hart import field_offset
from trapline.vm.translator import context, stencils
from trapline.vm.translator.host.regions import Regions
from trapline.vm.translator.regions import compilation
from trapline.vm.translator.regions.formation import Region
from trapline.vm.translator.stencil_file import Stencils


@dataclass(frozen=True)
class Mutant:
    """A change of one of the engine's functions, or of a stencil's IR (`ir`: the names of its functions, a pattern).

    region: what makes a mistake in the second tier, for good.
    """

    function: str = ""
    old: str = ""
    new: Any = ""
    ir: str = ""
    region: Callable[[], None] | None = None

    def made(self) -> Made:
        """Functions and stencils with the mistake."""
        made = functions()
        if self.region is not None:
            return made, right_stencils()
        if self.ir:
            return made, mutated_stencils(self.ir, self.old, self.new)
        change: Change = in_function(self.function, self.old, self.new)
        body = change(engine_text())
        start = body.index(f"def {self.function}(")
        end = body.find("\ndef ", start)
        exec(compile(body[start : end if end >= 0 else None], f"<{self.function}>", "exec"), made)
        return made, right_stencils()

    def notices(self, made: Made) -> str:
        """A guest that ends otherwise with what `made` has answered; empty if none does. Changes this process."""
        if self.region is not None:
            self.region()
        second = self.region is not None
        for name in LOOPS if second else GUESTS:
            if GUESTS[name].states(made, second) != right(name):
                return name
        return ""


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


def in_region(old: str, new: Any) -> Mutant:
    """A mistake in the IR of regions, where both are patterns."""

    def change() -> None:
        before = compilation.module_text

        def changed(region: Region, triple: str) -> str:
            return re.sub(old, new, before(region, triple), flags=re.M)

        compilation.module_text = changed

    return Mutant(region=change)


def in_regions(name: str, changed: Callable[..., Any]) -> Mutant:
    """Another method instead of one of `Regions`, which gets that one, too."""

    def change() -> None:
        before = getattr(Regions, name)
        setattr(Regions, name, lambda self, *arguments: changed(before, self, *arguments))

    return Mutant(region=change)


def _follows_no_drop(follow: Callable[[Regions], None], regions: Regions) -> None:
    regions._flushes = regions._words[context.FLUSHES]
    follow(regions)


MUTANTS = {
    # What is dropped
    "a store drops the decoded word alone": seeded("forget_code", "drop_translated(code, number)", "pass"),
    "what is translated is not dropped": seeded("drop_translated", "!= 0:", "== -1:"),
    "the second half of a page is not dropped": seeded(
        "drop_translated", "range(CODE_ENTRIES)", "range(CODE_ENTRIES // 2)"
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
    # Other pages
    "a page does not say that it has machine code": seeded(
        "translate_page", "HAS_TRANSLATED | table << PACKED_IMM", "0"
    ),
    "all pages have one table": seeded("translate_page", "HAS_TRANSLATED | table << PACKED_IMM", "HAS_TRANSLATED"),
    "a jump goes on in the page that it leaves": seeded("value_of", "return extra", "return extra % PAGE"),
    "a page that is not translated is entered": in_stencil(
        "chain", r"icmp ne i64 (%v\d+), 0\n(.*translated)", r"icmp ne i64 \1, -1\n\2"
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
    # CSRs
    "the mode is not asked": in_stencil(r"csr\.\S+", r"icmp sge i64 (%v\d+), [13]", r"icmp sge i64 \1, 0"),
    "an address is kept whole": in_stencil(r"csr\.\w+\.mepc", r"(%new4) = and i32 (%\w+), %new3", r"\1 = or i32 \2, 0"),
    "a CSR is at another's place": in_stencil(
        r"csr\.\w+\.mscratch", rf"i64 {field_offset('mscratch')}\b", f"i64 {field_offset('mtval')}"
    ),
    "a pending interrupt waits": in_stencil(
        r"csr\.\w+\.mstatus", r"br i1 %v\d+, label %done, label %no, !prof !2", "br label %done"
    ),
    "memory is accessed as before": in_stencil(
        r"csr\.\w+\.mstatus", r"br i1 %v\d+, label %quiet, label %no, !prof !2", "br label %quiet"
    ),
    "a CSR has the stencil of the one before": seeded("stencil_of", "else plan[U64(at + 1)]", "else plan[U64(at - 1)]"),
    # The second tier
    "a region takes too little for enough": in_region(r"icmp slt i64 (%v\d+), 0", r"icmp slt i64 \1, -4"),
    "a region keeps a register to itself": in_region(
        r"^  store i32 %v\d+, ptr %p\d+, !tbaa !3\n(  %v\d+ = sub i64 %remaining)", r"\1"
    ),
    "a region goes on at another head": in_region(
        r"(head:\n  %v\d+ = phi i64 \[)(\d+)", lambda m: f"{m[1]}{int(m[2]) + 32}"
    ),
    "a region goes on elsewhere": in_region(r"(near:\n  %v\d+ = phi i64 \[)(\d+)", lambda m: f"{m[1]}{int(m[2]) + 4}"),
    "a region does not look at the context": in_region(
        r"%v(\d+) = load i64, ptr (%v\d+), !tbaa !4\n(  %v\d+ = (?:or i64 [^\n]*\n  %v\d+ = )?icmp eq)",
        r"%x\1 = load i64, ptr \2, !tbaa !4\n  %y\1 = and i64 %x\1, 4294967295\n  %v\1 = or i64 %y\1, %tag\n\3",
    ),
    "a region stays where all was dropped": in_regions("_follow", _follows_no_drop),
}
"""By what is wrong."""
