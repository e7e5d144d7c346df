"""Stencils as data, and the assembly that they are made of."""

import platform
from collections.abc import Iterator

import pytest

from support.translator.translated import SLOT, stencils
from trapline.isa import Kind
from trapline.isa.word import HALFWORD
from trapline.vm.core.execute import FIRST_OP, NOP, SHORT_NOP
from trapline.vm.core.hart import HART
from trapline.vm.core.op_numbers import forms
from trapline.vm.translator import layout
from trapline.vm.translator.assembly import functions, straightened
from trapline.vm.translator.stencil_file import from_bytes, to_bytes
from trapline.vm.translator.stencil_text import STENCIL_KINDS
from trapline.vm.translator.stencils import NoStencilsError, build, compiled

pytestmark = pytest.mark.once


def row(number: int) -> list[int]:
    """The fields of a stencil."""
    return stencils().plan[layout.ROW * number : layout.ROW * (number + 1)].tolist()


def holes(number: int) -> Iterator[tuple[int, int, int]]:
    """Offset, kind and width of its holes."""
    fields = row(number)
    for n in range(fields[layout.HOLES]):
        hole = int(stencils().plan[fields[layout.FIRST_HOLE] + n])
        kind, width = hole >> layout.HOLE_KIND_SHIFT, hole >> layout.HOLE_WIDTH_SHIFT
        yield hole & layout.HOLE_OFFSET, kind & layout.HOLE_BYTE, width & layout.HOLE_BYTE


def test_every_instruction_of_words_has_one() -> None:
    """But jal, which is a link and a jump; forms of two bytes have that of the long one."""
    starts: dict[str, int] = {}
    for number, form in enumerate(forms(), FIRST_OP):
        kind, fields = form.instruction.kind, row(number)
        assert fields[layout.PARCELS] == form.length // HALFWORD
        flow = {Kind.BRANCH: layout.BRANCH, Kind.JUMP: layout.INDIRECT}.get(kind, layout.ONWARD)
        if form.instruction.name == "jal":
            flow = layout.DIRECT
        elif kind not in STENCIL_KINDS:
            flow = layout.NO_STENCIL
        assert fields[layout.FLOW] == flow, form
        assert bool(fields[layout.LENGTH]) == (flow not in (layout.NO_STENCIL, layout.DIRECT))
        assert starts.setdefault(form.instruction.name, fields[layout.START]) == fields[layout.START]
    for number, parcels in ((NOP, 2), (SHORT_NOP, 1)):
        assert row(number)[layout.LENGTH] == 0 and row(number)[layout.FLOW :] == [layout.ONWARD, parcels, 0, 0]


def test_holes_lie_within_their_stencils_and_apart() -> None:
    for number in range(layout.STENCILS):
        end = 0
        for offset, kind, width in sorted(holes(number)):
            assert end <= offset and kind
            end = offset + width
        assert end <= row(number)[layout.LENGTH]
    for glue in (layout.OUT, layout.CHAIN, layout.DOOR):
        assert not list(holes(glue)) and row(glue)[layout.LENGTH] <= SLOT


def test_what_is_tried_again() -> None:
    """Stores, whose only jump leads there."""
    for number, form in enumerate(forms(), FIRST_OP):
        again = row(number)[layout.AGAIN]
        assert bool(again) == (form.instruction.kind is Kind.STORE)
        if again:
            assert again >= layout.STENCILS and row(again)[layout.LENGTH]
            assert [kind for _, kind, _ in holes(number) if kind >= layout.NEXT] == [layout.MISS]


def test_what_comes_next_is_fallen_into() -> None:
    """No stencil jumps to its own end: that costs a guest instruction another one."""
    numbers = {form.instruction.name: number for number, form in enumerate(forms(), FIRST_OP)}
    for name, number in numbers.items():
        assert not [hole for hole in holes(number) if hole[1] == layout.NEXT], name
    assert not [hole for hole in holes(layout.BUDGET) if hole[1] == layout.NEXT]


def test_the_record_is_where_the_stencils_expect_it() -> None:
    assert HART.fields is not None
    assert HART.fields["x"][1] == 0 and HART.fields["pc"][1] == layout.PC_FIELD


def test_they_are_small() -> None:
    """A load with its look into the TLB, in bytes: what a page's code is mostly made of."""
    made = compiled()
    assert len(made["i.add"].code) <= 26 and len(made["i.lw"].code) <= 80


MOVE_FROM_RBP = bytes((0x8B,))
"""The opcode of `mov` from memory; then comes a byte that says which register, and which is the base."""
BASE_RBP, BASE_BITS = 0b10000101, 0b11000111


def test_registers_are_read_by_plain_moves() -> None:
    """By a load that computes as well, each instruction would wait five cycles for what the one before has stored."""
    for name, (code, relocations) in compiled().items():
        for relocation in relocations:
            if relocation.symbol in ("RS1", "RS2"):
                opcode, operands = code[relocation.offset - 2 : relocation.offset]
                assert bytes((opcode,)) == MOVE_FROM_RBP and operands & BASE_BITS == BASE_RBP, name


@pytest.mark.parametrize("portable", [False, True])
def test_they_are_the_same_from_a_file(portable: bool) -> None:
    made = build(portable)
    found = from_bytes(to_bytes(made, "key"), "key")
    assert found is not None
    for one, other in zip(made, found, strict=True):
        assert (one.format, one.tolist()) == (other.format, other.tolist())


def test_a_damaged_file_is_none() -> None:
    data = to_bytes(stencils(), "key")
    assert from_bytes(data, "other key") is None
    assert from_bytes(b"", "key") is None
    for cut in (10, 40, 60, 100, len(data) - 1):
        assert from_bytes(data[:cut], "key") is None
        assert from_bytes(data[:cut] + bytes([data[cut] ^ 1]) + data[cut + 1 :], "key") is None
    assert from_bytes(data + b"\0", "key") is None


def test_another_architecture_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "sparc64")
    with pytest.raises(NoStencilsError, match="sparc64"):
        build()


ASSEMBLY = """
	.globl	load
	.type	load,@function
load:
	cmpq	%rdx, (%rdi)
	jne	.LBB0_1
	movl	%eax, (%rdi)
	jmp	NEXT                            # TAILCALL
.LBB0_1:                                # %no
	jmp	MISS                            # TAILCALL
.Lfunc_end0:
	.size	load, .Lfunc_end0-load
budget:
	subq	$1, %r12
	jns	NEXT
	jmp	MISS
"""


def test_jumps_to_tail_calls_become_tail_calls() -> None:
    load, budget = ([line.split()[0] + " " + line.split()[-1] for line in straightened(lines)] for _, lines in
                    functions(ASSEMBLY))  # fmt: skip
    assert load == ["cmpq (%rdi)", "jne MISS", "movl (%rdi)", "jmp NEXT"]
    assert budget == ["subq %r12", "js MISS", "jmp NEXT"]


def test_a_block_that_is_fallen_into_stays() -> None:
    lines = ["je .L1", "movl %eax, (%rdi)", ".L1:", "jmp TAKEN"]
    assert straightened(lines) == ["je TAKEN", "movl %eax, (%rdi)", ".L1:", "jmp TAKEN"]
