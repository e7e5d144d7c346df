"""Declarations that are incomplete, ill-formed or overlap are refused when the table is built."""

import pytest

from trapline.isa import BY_NAME, CSR_BY_ADDRESS, CSRS, INSTRUCTIONS, Csr, DeclarationError, Field, Kind
from trapline.isa.instruction import DECLARED, Pattern, declare
from trapline.isa.table import check_csrs, check_instructions

GOOD = "0000000 rs2 rs1 000 rd 0110011"


@pytest.mark.parametrize(
    ("pattern", "complaint"),
    [
        ("", "0 bits"),
        ("0000000 rs2 rs1 000 rd 011001", "31 bits"),
        ("0000000 rs2 rs1 000 rd 01100110", "33 bits"),
        ("0" * 64, "64 bits"),
        ("0000000 rs3 rs1 000 rd 0110011", "unknown token 'rs3'"),
        ("0000002 rs2 rs1 000 rd 0110011", "unknown token '0000002'"),
        ("imm rs1 000 rd 0110011", "unknown token 'imm'"),
        ("imm[] rs1 000 rd 0110011", "unknown token 'imm"),
        ("0000000 rs1 rs1 000 rd 0110011", "twice"),
        ("imm[11:5] rs2 rs1 000 imm[5:1] 0100011", "twice"),
        ("imm[11:0] rs1 000 imm[0|4:1] 0010011", "twice"),
    ],
)
def test_ill_formed_pattern(pattern: str, complaint: str) -> None:
    with pytest.raises(DeclarationError, match=complaint.replace("[", r"\[")):
        Pattern.parse(pattern)


def two(rs1, rs2):
    """Two registers."""
    return rs1


def one(rs1):
    """One register."""
    return rs1


def on_hart(h):
    """A system instruction."""
    return -1


def on_data(data):
    """A load."""
    return data


@pytest.mark.parametrize(
    ("kind", "pattern", "meaning", "options", "complaint"),
    [
        (Kind.VALUE, GOOD, on_hart, {}, "cannot take h"),
        (Kind.VALUE, GOOD, on_data, {}, "cannot take data"),
        (Kind.BRANCH, GOOD, two, {}, "needs imm"),
        (Kind.JUMP, GOOD, one, {}, "needs imm"),
        (Kind.VALUE, "0000000 rs2 rs1 000 00000 0110011", two, {}, "needs rd"),
        (Kind.VALUE, "imm[11:0] rs1 000 rd 0010011", two, {}, "takes rs2"),
        (Kind.CSR, "imm[11:0] rs1 001 rd 1110011", two, {}, "cannot take rs1, rs2"),
        (Kind.SYSTEM, "0" * 32, on_hart, {"privilege": "H"}, "privilege 'H'"),
        (Kind.LOAD, "imm[11:0] rs1 011 rd 0000011", on_data, {}, "cannot access 0 bytes"),
        (Kind.LOAD, "imm[11:0] rs1 011 rd 0000011", on_data, {"width": 8}, "cannot access 8 bytes"),
        (Kind.VALUE, GOOD, two, {"width": 4}, "cannot access 4 bytes"),
    ],
)
def test_ill_typed_meaning(kind, pattern, meaning, options, complaint) -> None:
    before = list(DECLARED)
    with pytest.raises(DeclarationError, match=complaint):
        declare(kind, pattern, "", "nowhere", extension="xtest", **options)(meaning)
    assert before == DECLARED


def declared(name: str, pattern: str):
    """A declared instruction, left out of the table."""
    before = len(DECLARED)
    try:
        declare(Kind.VALUE, pattern, "rd, rs1, rs2", "nowhere", extension="xtest", name=name)(two)
        return DECLARED[-1]
    finally:
        del DECLARED[before:]


def test_overlap_is_refused() -> None:
    with pytest.raises(DeclarationError, match="'add' and 'xadd' overlap"):
        check_instructions([*INSTRUCTIONS, declared("xadd", GOOD)])


def test_partial_overlap_is_refused() -> None:
    general = declared("general", "0000000 rs2 rs1 000 rd 0101011")
    special = declared("special", "imm[6:0] rs2 rs1 000 rd 0101011")
    with pytest.raises(DeclarationError, match="overlap"):
        check_instructions([general, special])


def test_same_name_is_refused() -> None:
    with pytest.raises(DeclarationError, match="'add' is declared twice"):
        check_instructions([*INSTRUCTIONS, declared("add", "0000000 rs2 rs1 000 rd 0101011")])


def test_new_instruction_without_overlap_is_taken() -> None:
    check_instructions([*INSTRUCTIONS, declared("xadd", "0000000 rs2 rs1 000 rd 0101011")])


def test_csr_declared_twice_is_refused() -> None:
    with pytest.raises(DeclarationError, match="CSR address declared twice"):
        check_csrs([*CSRS, Csr("other", 0x300, "nowhere", "")])
    with pytest.raises(DeclarationError, match="CSR name declared twice"):
        check_csrs([*CSRS, Csr("mstatus", 0x7C0, "nowhere", "")])


def test_overlapping_csr_fields_are_refused() -> None:
    with pytest.raises(DeclarationError, match="field B overlaps"):
        check_csrs([Csr("x", 0x7C0, "nowhere", "", (Field("A", 7, 4), Field("B", 4, 0)))])


def test_encode_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="rd 32"):
        BY_NAME["add"].encode(rd=32, rs1=0, rs2=0)
    with pytest.raises(ValueError, match="immediate 2048"):
        BY_NAME["addi"].encode(rd=0, rs1=0, imm=2048)
    with pytest.raises(ValueError, match="multiple of 2"):
        BY_NAME["beq"].encode(rs1=0, rs2=0, imm=3)
    with pytest.raises(ValueError, match="multiple of 4096"):
        BY_NAME["lui"].encode(rd=0, imm=1)
    assert BY_NAME["addi"].encode(rd=1, rs1=2, imm=-1) == BY_NAME["addi"].encode(rd=1, rs1=2, imm=0xFFFFFFFF)


def test_table_is_complete_and_in_order() -> None:
    """The instruction listings of the specification: how many each extension has."""
    extensions = [i.extension for i in INSTRUCTIONS]
    counts = {name: extensions.count(name) for name in dict.fromkeys(extensions)}
    standard = {name: count for name, count in counts.items() if not name.startswith("x")}
    # 37 computations, jumps and memory accesses, fence, ecall, ebreak; mret, sret, wfi, sfence.vma.
    assert list(standard.items())[:5] == [("i", 44), ("m", 8), ("a", 11), ("zicsr", 6), ("zifencei", 1)]
    assert dict(list(standard.items())[5:]) == {"zba": 3, "zbb": 18, "zbs": 8, "zicbom": 3, "zicond": 2}
    assert len(CSR_BY_ADDRESS) == len(CSRS)


def test_every_declaration_is_documented() -> None:
    for instruction in INSTRUCTIONS:
        assert instruction.summary.endswith((".", "0.", "else 0.")), instruction.name
        assert instruction.section.startswith(("Unpriv ", "Priv ")) or instruction.extension.startswith("x")
    for csr in CSRS:
        assert csr.summary and csr.section, csr.name
