"""What each stencil does, as one module of LLVM IR (`vm.translator.stencil_builder` has the convention)."""

from collections.abc import Iterator

from trapline.isa import INSTRUCTIONS, Instruction, Kind
from trapline.isa.sv32 import PAGE_SHIFT
from trapline.isa.word import HALFWORD
from trapline.vm.core.code_pages import TOHOST_BYTES
from trapline.vm.core.stops import NEAR_TOHOST
from trapline.vm.translator.csr_text import csr_texts
from trapline.vm.translator.expression import CannotLowerError
from trapline.vm.translator.glue_text import DOOR_ARGUMENTS, GLUE_TEXTS, door
from trapline.vm.translator.layout import CONTEXT_TOHOST
from trapline.vm.translator.lower import WORD_BITS
from trapline.vm.translator.meaning_ir import jumps_by_immediate
from trapline.vm.translator.stencil_builder import (
    ADDRESS,
    CONVENTION,
    JUMPS,
    POINTER,
    RARELY,
    SYMBOLS,
    TYPES,
    USUALLY,
    Stencil,
    access,
    meaning_of,
)

ATOMICS = (Kind.AMO, Kind.LR, Kind.SC)
STENCIL_KINDS = (Kind.VALUE, Kind.BRANCH, Kind.JUMP, Kind.LOAD, Kind.STORE, *ATOMICS)


def has_stencil(instruction: Instruction) -> bool:
    """Whether an instruction is made of a stencil; a jump by an immediate is one of LINK and GO."""
    return instruction.kind in STENCIL_KINDS and not is_direct(instruction)


def is_direct(instruction: Instruction) -> bool:
    """Whether it always jumps to pc + imm."""
    try:
        return instruction.kind is Kind.JUMP and jumps_by_immediate(instruction)
    except CannotLowerError:
        return False


def _value(s: Stencil, instruction: Instruction) -> None:
    s.write(meaning_of(s, instruction))
    s.go("@NEXT")


def _branch(s: Stencil, instruction: Instruction) -> None:
    s.fork(meaning_of(s, instruction), "!1")
    s.go("@TAKEN")
    s.do("no:")
    s.go("@NEXT")


def _jump(s: Stencil, instruction: Instruction) -> None:
    """To an entry of the page's table, or by CHAIN. One to where no instruction may begin is for the interpreter."""
    target = meaning_of(s, instruction)
    vbase = s.let("trunc i64 %vbase to i32")
    offset = s.let(f"zext i32 {s.let(f'sub i32 {target}, {vbase}')} to i64")
    s.fork(s.let(f"icmp ult i64 {offset}, {1 << PAGE_SHIFT}"), "!2")
    place = s.pointer(s.number(ADDRESS), offset, POINTER // HALFWORD)
    entry = s.let(f"load i64, ptr {place}")
    s.do(f"br i1 {s.let(f'icmp ne i64 {entry}, 0')}, label %near, label %no, !prof !2")
    s.do("near:")
    s.write(s.address_in_page("NEXT_PC"))
    s.go(s.let(f"inttoptr i64 {entry} to ptr"))
    s.do("no:")
    forbidden = s.let(f"and i32 {target}, {s.word('FORBIDDEN')}")
    s.do(f"br i1 {s.let(f'icmp eq i32 {forbidden}, 0')}, label %far, label %never, !prof !2")
    s.do("never:")
    s.go("@MISS")
    s.do("far:")
    s.write(s.address_in_page("NEXT_PC"))
    s.go("@ONTO", place=s.let(f"zext i32 {target} to i64"))


def _load(s: Stencil, instruction: Instruction) -> None:
    place = s.pointer("%ram", access(s, instruction, "load_tlb"))
    bits = 8 * instruction.width
    data = s.let(f"load i{bits}, ptr {place}, align 1, !tbaa !12")
    if bits < WORD_BITS:
        data = s.let(f"zext i{bits} {data} to i32")
    s.write(meaning_of(s, instruction, data=data))
    s.go("@NEXT")


def _store(s: Stencil, instruction: Instruction) -> None:
    _put(s, instruction, access(s, instruction, "store_tlb"))


def _put(s: Stencil, instruction: Instruction, offset: str) -> None:
    """Store at an offset in RAM."""
    place = s.pointer("%ram", offset)
    data = meaning_of(s, instruction)
    bits = 8 * instruction.width
    if bits < WORD_BITS:
        data = s.let(f"trunc i32 {data} to i{bits}")
    s.do(f"store i{bits} {data}, ptr {place}, align 1, !tbaa !12")
    s.go("@NEXT")


def _store_again(s: Stencil, instruction: Instruction) -> None:
    """A store that has missed: into the page with `tohost`, it is as any other if it is not to that doubleword."""
    offset = access(s, instruction, "store_tlb", NEAR_TOHOST)
    tohost = s.let(f"load i64, ptr {s.pointer('%context', POINTER * CONTEXT_TOHOST)}")
    doubleword = s.let(f"and i64 {offset}, {-TOHOST_BYTES}")
    s.do(f"br i1 {s.let(f'icmp ne i64 {doubleword}, {tohost}')}, label %other, label %no, !prof !2")
    s.do("other:")
    _put(s, instruction, offset)


def _amo(s: Stencil, instruction: Instruction) -> None:
    place = s.pointer("%ram", access(s, instruction, "store_tlb"))
    old = s.let(f"load i32, ptr {place}, align 1, !tbaa !12")
    s.do(f"store i32 {meaning_of(s, instruction, old=old)}, ptr {place}, align 1, !tbaa !12")
    s.write(old)
    s.go("@NEXT")


def _load_reserved(s: Stencil, instruction: Instruction) -> None:
    offset = access(s, instruction, "load_tlb")
    data = s.let(f"load i32, ptr {s.pointer('%ram', offset)}, align 1, !tbaa !12")
    s.set_field("reservation", offset)
    s.write(meaning_of(s, instruction, data=data))
    s.go("@NEXT")


def _store_conditional(s: Stencil, instruction: Instruction) -> None:
    """Where nothing is reserved, no address is looked for; nearly always that is because the hart was interrupted."""
    reserved = s.field("reservation")
    s.do(f"br i1 {s.let(f'icmp sge i64 {reserved}, 0')}, label %reserved, label %no, !prof !2")
    s.do("reserved:")
    offset = access(s, instruction, "store_tlb")
    s.set_field("reservation", "-1")
    same = s.let(f"icmp eq i64 {offset}, {reserved}")
    s.do(f"br i1 {same}, label %same, label %either, !prof !2")
    s.do("same:")
    place = s.pointer("%ram", offset)
    s.do(f"store i32 {meaning_of(s, instruction)}, ptr {place}, align 1, !tbaa !12")
    s.do("br label %either")
    s.do("either:")
    s.write(s.let(f"zext i1 {s.let(f'xor i1 {same}, true')} to i32"))
    s.go("@NEXT")


_KINDS = {
    Kind.VALUE: _value, Kind.BRANCH: _branch, Kind.JUMP: _jump, Kind.LOAD: _load, Kind.STORE: _store, Kind.AMO: _amo,
    Kind.LR: _load_reserved, Kind.SC: _store_conditional,
}  # fmt: skip


def function_name(instruction: Instruction) -> str:
    """What an instruction's stencil is called."""
    return f"i.{instruction.name}"


def second_name(instruction: Instruction) -> str:
    """What the stencil is called that tries a store once more."""
    return f"again.{instruction.name}"


def is_second(name: str) -> bool:
    """Whether a function is one of those."""
    return name.startswith("again.")


def is_of_csr(name: str) -> bool:
    """Whether a function is one for a single CSR."""
    return name.startswith("csr.")


def texts() -> Iterator[str]:
    """The functions; an instruction whose meaning cannot be lowered has none."""
    for name, write in GLUE_TEXTS.items():
        s = Stencil(name)
        write(s)
        yield s.text()
    s = Stencil("door", DOOR_ARGUMENTS)
    door(s)
    yield s.text()
    for instruction in INSTRUCTIONS:
        if has_stencil(instruction):
            s = Stencil(function_name(instruction))
            try:
                _KINDS[instruction.kind](s, instruction)
            except CannotLowerError:
                continue
            yield s.text()
            if instruction.kind is Kind.STORE:
                s = Stencil(second_name(instruction))
                _store_again(s, instruction)
                yield s.text()
    yield from csr_texts()


def module_text(triple: str) -> str:
    """The module of all stencils."""
    names = list(dict.fromkeys(SYMBOLS.values()))
    lines = [f'target triple = "{triple}"']
    for symbol, bounds in SYMBOLS.items():
        lines.append(f"@{symbol} = external dso_local global i8, !absolute_symbol !{20 + names.index(bounds)}")
    lines.append(f'@{ADDRESS} = external dso_local global i8, code_model "large"')
    lines += [f"declare dso_local {CONVENTION} i64 @{name}({TYPES})" for name in JUMPS]
    lines += texts()
    # Registers of the hart, TLBs and RAM are never the same memory.
    lines += [
        f"!1 = {RARELY}", f"!2 = {USUALLY}", '!3 = !{!"root"}',
        *(f'!{4 + n} = !{{!"{name}", !3}}' for n, name in enumerate(("registers", "tlb", "ram"))),
        *(f"!{10 + n} = !{{!{4 + n}, !{4 + n}, i64 0}}" for n in range(3)),
        *(f"!{20 + n} = {bounds}" for n, bounds in enumerate(names)),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"
