"""`.reloc` fills in what GNU as and ld fill in."""

import pytest

from support.asm.both import START, ours, theirs
from trapline.asm import AsmError, assemble_text
from trapline.asm.directives.relocations import KINDS

PLACES = {
    "a label before": ".data\nx: .word 8, 1\n.reloc x, R_RISCV_32, y\ny: .word 0\n",
    "a label behind": ".data\n.reloc x + 4, R_RISCV_32, y\nx: .word 8, 1\ny: .word 0\n",
    "here": ".data\n.word 1\n.reloc ., R_RISCV_32, y + 4\ny: .word 0\n",
    "an offset": ".data\n.reloc 4, R_RISCV_32, y\n.word 7, 7, 7\ny:\n",
    "another section": ".reloc x, R_RISCV_32, y\ny: .data\nx: .word 8\n",
    "a numeric label": ".data\n1: .word 8\n.reloc 1b, R_RISCV_32, 1b\n.reloc 1f, R_RISCV_32, 1b\n1: .word 0\n",
    "behind a branch": "beqz a0, y\n.reloc x, R_RISCV_32, y\nbeqz a0, y\nx: .word 0\ny:\n",
    "no expression": ".reloc ., R_RISCV_32\n.word 8\n",
    "a number": ".reloc ., R_RISCV_32, 5\n.word 8\n",
    "generic": ".data\n.reloc ., BFD_RELOC_32, y\n.word 0\n.reloc ., bfd_reloc_64, y\n.quad 0\ny: .word 0\n",
    "sums": ".data\n.reloc ., R_RISCV_ADD32, y\n.reloc ., R_RISCV_SUB32, z\n.word 5\nz: .word 0\ny: .word 0\n",
    "the last one counts": ".reloc ., R_RISCV_JAL, y\njal x0, .\ny:\n",
    "outside": ".reloc 100, R_RISCV_32, y\n.word 8\ny:\n",
    "unknown": ".reloc ., R_RISCV_FOO, y\n.quad 0\ny:\n",
    "too narrow": ".reloc ., BFD_RELOC_8, y\n.quad 0\ny:\n",
    "without effect": ".reloc ., R_RISCV_NONE\n.reloc ., R_RISCV_RELAX\n.reloc ., R_RISCV_NONE, y\nnop\ny:\n",
}

CODE = {
    "LO12_S": "sw a1, 0(a0)", "TPREL_LO12_S": "sw a1, 0(a0)", "LO12_I": "addi a0, a0, 0",
    "TPREL_LO12_I": "lw a0, 0(a0)", "HI20": "lui a0, 0", "TPREL_HI20": "lui a0, 0", "JAL": ".word 0x6f",
    "BRANCH": ".word 0x63", "CALL": "auipc ra, 0\njalr ra", "CALL_PLT": "auipc t1, 0\njr t1",
}  # fmt: skip


@pytest.mark.parametrize("case", PLACES)
def test_places(case, tool, tmp_path):
    text = START + PLACES[case]
    assert ours(text) == theirs(tool, tmp_path, text)


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if "PCREL_" not in kind and "GOT" not in kind and "GD" not in kind]
)
def test_each_type(kind, tool, tmp_path):
    target = "z" if kind.startswith("TPREL") else "y"
    text = f"{START}.reloc ., R_RISCV_{kind}, {target}\n{CODE.get(kind, '.quad 0x1122334455667788')}\ny: .word 0\n"
    text += ".section .tdata\n.word 1\nz: .word 2\n"
    assert ours(text) == theirs(tool, tmp_path, text) is not None


@pytest.mark.parametrize(
    ("high", "low"), [("PCREL_HI20", "addi"), ("GOT_HI20", "lw"), ("TLS_GOT_HI20", "lw"), ("TLS_GD_HI20", "addi")]
)
def test_pairs(high, low, tool, tmp_path):
    operands = "a0, 0(a0)" if low == "lw" else "a0, a0, 0"
    target = "z" if "TLS" in high else "y"
    pair = (
        f".Lx: .reloc ., R_RISCV_{high}, {target}\nauipc a0, 0\n.reloc ., R_RISCV_PCREL_LO12_I, x\n{low} {operands}\n"
    )
    text = f"{START}x:\n{pair}y: .word 0\n.section .tdata\nz: .word 2\n"
    assert ours(text) == theirs(tool, tmp_path, text) is not None


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (".reloc ., R_RISCV_32, y\n.word 0", "1:23: error: undefined symbol 'y'"),
        (".reloc .", "1:8: error: '.reloc' needs an offset and a type"),
        (".reloc ., R_RISCV_32P, y", "1:8: error: cannot apply a relocation 'R_RISCV_32P'"),
        (".reloc later, R_RISCV_32, 1", "1:8: error: '.reloc' needs an offset: a number, or a label of this source"),
        (".reloc x, R_RISCV_32, 1\nx: beqz a0, x", "1:8: error: '.reloc' points outside the data"),
        (".reloc ., R_RISCV_32, 1\n.half 1", "1:8: error: '.reloc' points outside the data"),
        (".reloc -4, R_RISCV_32, 1\nnop", "1:8: error: '.reloc' points outside the data"),
        ("nop\n.bss\n.reloc ., R_RISCV_32, 1\n.word 0", "3:8: error: '.bss' has no contents"),
        (".reloc ., R_RISCV_RVC_LUI, x\nx: nop", "1:8: error: cannot apply a relocation 'R_RISCV_RVC_LUI'"),
    ],
)
def test_messages(source, message):
    with pytest.raises(AsmError) as caught:
        assemble_text(source)
    assert str(caught.value).startswith(f"<string>:{message}")
