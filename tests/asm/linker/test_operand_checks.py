"""A label where a number is needed is refused at every address, named, with what may have been meant."""

import re

import pytest

from support.asm.both import START, ours, theirs
from trapline.asm import AsmError, assemble_text
from trapline.isa import INSTRUCTIONS

CASES = {
    "lui a0, label": ("lui a0, ", "'label' is an address", "'lui rd, %hi(label)'"),
    "auipc a0, label": ("auipc a0, ", "'label' is an address", "'auipc rd, %pcrel_hi(label)'"),
    "addi a0, a0, label": ("addi a0, a0, ", "'label' is an address", "%lo(label)"),
    "andi a0, a0, label": ("andi a0, a0, ", "'label' is an address", "%lo(label)"),
    "add a0, a0, label": ("add a0, a0, ", "'label' is an address", "'la rd, label'"),
    "slli a0, a0, label": ("slli a0, a0, ", "'label' is an address", "'la rd, label'"),
    "lw a0, label(a1)": ("lw a0, ", "'label' is an address", "'lw rd, label'"),
    "sb a0, label(a1)": ("sb a0, ", "'label' is an address", "'sb rs2, label, t0'"),
    "csrw mtvec, label": ("csrw mtvec, ", "'label' is an address", "'la t0, label'"),
    "csrrw a0, mtvec, label": ("csrrw a0, mtvec, ", "'label' is an address", "'la t0, label'"),
    "csrwi mtvec, label": ("csrwi mtvec, ", "'label' is an address", "'la t0, label'"),
    "csrsi mie, label": ("csrsi mie, ", "'label' is an address", "'la t0, label'"),
    "jr label": ("jr ", "'jr' needs a register, not 'label'", "'j label'"),
    "jalr label": ("jalr ", "'jalr' needs a register, not 'label'", "'call label'"),
    "jr 8": ("jr ", "'jr' needs a register, not '8'", "'j 8'"),
    "jalr ra, label": ("jalr ra, ", "'label' is an address", "'call label'"),
    "jalr a0, label, a1": ("jalr a0, ", "'label' is an address", "'call label'"),
    "jalr a0, a1, label": ("jalr a0, a1, ", "'label' is an address", "'call label'"),
    "jr a0, label": ("jr a0, ", "'label' is an address", "'call label'"),
    "lui a0, %lo(label)": ("lui a0, ", "'%lo' cannot be used here", "%hi"),
    "addi a0, a0, %hi(label)": ("addi a0, a0, ", "'%hi' cannot be used here", "%lo"),
    "lw a0, %pcrel_hi(label)(a0)": ("lw a0, ", "'%pcrel_hi' cannot be used here", "%lo"),
    "csrwi mtvec, %lo(label)": ("csrwi mtvec, ", "'%lo' cannot be used here", "%lo"),
    "slli a0, a0, %lo(5)": ("slli a0, a0, ", "'%lo' cannot be used here", "%lo"),
    "la a0, label * 2": ("", "cannot compute with the address of 'label'", "a label and a number"),
    "lui a0, %hi(-label)": ("", "cannot compute with the address of 'label'", "a label and a number"),
    ".word ~label": (".word ", "cannot compute with the address of 'label'", "difference"),
    ".word -label": (".word ", "cannot compute with the address of 'label'", "difference"),
    ".byte label": (".byte ", "the address of 'label' does not fit into 8 bits", "'.word'"),
    ".half label": (".half ", "the address of 'label' does not fit into 16 bits", "'.word'"),
    ".2byte label + 2": (".2byte ", "the address of 'label' does not fit into 16 bits", "'.word'"),
    ".dc.b label": (".dc.b ", "the address of 'label' does not fit into 8 bits", "'.word'"),
}
"""By statement: what stands before the caret, message and hint."""


@pytest.mark.parametrize("base", [None, 0, 0x80000000])
@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("statement", CASES)
def test_a_label_is_no_number(statement, forward, base):
    before, message, hint = CASES[statement]
    source = f"{statement}\nlabel:" if forward else f"label:\n{statement}"
    with pytest.raises(AsmError) as caught:
        assemble_text(source, text_base=base)
    place = f"<string>:{1 if forward else 2}:{len(before) + 1}: error: "
    first = str(caught.value).splitlines()[0]
    assert first.startswith(place) and message in first
    assert hint in str(caught.value)


@pytest.mark.parametrize("statement", CASES)
def test_gnu_as_refuses_it_too(statement, tool, tmp_path):
    text = f"{START}label:\n{statement}\n"
    assert theirs(tool, tmp_path, text) is None and ours(text) is None


def test_every_operand_that_must_be_a_number_is_checked():
    """Each instruction, with a label in place of each immediate, shift amount and constant."""
    operands = {
        "rd": "a0", "rs1": "a1", "rs2": "a2", "csr": "mie", "pred": "rw", "succ": "rw", "(rs1)": "(a1)",
        "offset(rs1)": "label(a1)", "imm12": "label", "imm20": "label", "shamt": "label", "uimm": "label",
        "label": "label",
    }  # fmt: skip
    checked = 0
    for insn in INSTRUCTIONS:
        if re.search("offset|imm|shamt", insn.syntax):
            written = ", ".join(operands[part.strip()] for part in insn.syntax.split(","))
            with pytest.raises(AsmError, match="'label' is an address, not a number"):
                assemble_text(f"label: {insn.name} {written}", text_base=0)
            checked += 1
    assert checked > 20


@pytest.mark.parametrize(
    ("statement", "same"),
    [
        ("addi a0, a0, later", "addi a0, a0, 5"),
        ("lui a0, later", "lui a0, 5"),
        ("lw a0, later(a1)", "lw a0, 5(a1)"),
        ("csrw mie, later", "csrwi mie, 5"),
        ("slli a0, a0, later", "slli a0, a0, 5"),
        ("addi a0, a0, end - start", "addi a0, a0, 8"),
        ("addi a0, a0, (end - start) * 2", "addi a0, a0, 16"),
        (".byte end - start, later", ".byte 8, 5"),
        (".half start - end", ".half -8"),
    ],
)
def test_constants_and_distances_may_follow(statement, same):
    rest = "\nstart: beqz a0, end\nnop\nend:\nlater = 5"
    assert assemble_text(statement + rest).code == assemble_text(same + rest).code


def test_constants_of_other_sources_count(tmp_path):
    (tmp_path / "a.s").write_text("addi a0, a0, k\n.byte k, 0, 0, 0")
    (tmp_path / "b.s").write_text(".globl k\nk = 5")
    from trapline.asm import assemble

    assert assemble([tmp_path / "a.s", tmp_path / "b.s"]).code == assemble_text("addi a0, a0, 5\n.byte 5, 0, 0, 0").code


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("addi a0, a0, k\nk = 5000", "1:14: error: addi: immediate 5000 is not in [-2048, 2047]"),
        ("slli a0, a0, k\nk = 32", "1:14: error: slli: shift amount 32 is not in [0, 31]"),
        ("lui a0, k\nk = -1", "1:9: error: lui: immediate -1 is not in [0, 1048575]"),
        ("csrwi mie, k\nk = 32", "1:12: error: csrrwi: constant 32 is not in [0, 31]"),
        (".byte k\nk = 300", "1:7: error: value 300 is not in [-128, 255]"),
        ("a: .byte b - a\n.space 300\nb:", "1:10: error: value 301 is not in [-128, 255]"),
        ("a: .space 300\nb: .byte b - a", "2:10: error: '.byte': value 300 is not in [-128, 255]"),
        ("x: .half y - x\n.rept 20000\nbeqz a0, y\n.endr\ny:", "1:10: error: value "),
        ("addi a0, a0, x - y\nx: .data\ny:", "1:14: error: addi: 'x' is an address"),
        ("addi a0, a0, missing", "1:14: error: undefined symbol 'missing'"),
        ("nop; l: beqz a0, miss.ing+4", "1:18: error: undefined symbol 'miss.ing'"),
        (".macro m x\nla a0, \\x\n.endm\nm missing", "2:8: error: undefined symbol 'missing'"),
        ('call "not here"', "1:7: error: undefined symbol 'not here'"),
        (".word present, missing\npresent:", "1:16: error: undefined symbol 'missing'"),
        (".byte missing", "1:7: error: undefined symbol 'missing'"),
        ("addi a0, a0, _end", "1:14: error: addi: '_end' is an address"),
    ],
)
def test_what_does_not_fit_is_never_cut(source, message):
    with pytest.raises(AsmError) as caught:
        assemble_text(source)
    assert str(caught.value).startswith(f"<string>:{message}")


@pytest.mark.parametrize(
    ("value", "right"), [("label", False), ("4 + label", False), (". - x", True), ("end - x", True)]
)
def test_a_size_is_a_number_or_a_distance(value, right, tool, tmp_path):
    """`.size x, label` put the address of the label into the symbol table."""
    text = f"{START}x: nop\n.size x, {value}\nlabel: beqz a0, x\nend: nop\n"
    assert (theirs(tool, tmp_path, text) is not None) == (ours(text) is not None) == right
