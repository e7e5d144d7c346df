"""Which accesses of a block are checked together."""

from support.translator.translated import packed
from trapline.isa import Kind
from trapline.isa.sv32 import PAGE
from trapline.vm.translator.regions.accesses import Group, groups
from trapline.vm.translator.regions.formation import Step


def found(*decoded: int) -> list[Group]:
    return groups([Step(2 * n, d) for n, d in enumerate(decoded)])


def test_accesses_off_one_register() -> None:
    """Loads and stores apart, because they have TLBs of their own."""
    assert found(
        packed("lw", rd=5, rs1=2, imm=8), packed("lbu", rd=6, rs1=2, imm=3), packed("sw", rs1=2, rs2=5, imm=-4),
        packed("lw", rd=7, rs1=3),
    ) == [
        Group(Kind.LOAD, 2, {0: 8, 1: 3}, 0, 12, 4), Group(Kind.STORE, 2, {2: -4}, -4, 4, 4),
        Group(Kind.LOAD, 3, {3: 0}, 0, 4, 4),
    ]  # fmt: skip


def test_a_register_that_is_moved_on() -> None:
    """By constants the address is known still; by anything else it is not."""
    assert found(
        packed("lw", rd=5, rs1=2), packed("addi", rd=2, rs1=2, imm=4), packed("lw", rd=6, rs1=2),
        packed("add", rd=3, rs2=2), packed("lw", rd=7, rs1=3, imm=4), packed("add", rd=2, rs1=2, rs2=7),
        packed("lw", rd=8, rs1=2),
    ) == [Group(Kind.LOAD, 2, {0: 0, 2: 4, 4: 8}, 0, 12, 4)]  # fmt: skip
    assert found(packed("lw", rd=2, rs1=2), packed("lw", rd=3, rs1=2)) == [Group(Kind.LOAD, 2, {0: 0}, 0, 4, 4)]


def test_what_is_far_or_not_aligned_with_the_others_is_checked_by_itself() -> None:
    far = PAGE // 2
    (group,) = found(packed("lw", rd=5, rs1=2), packed("lw", rd=6, rs1=2, imm=far), packed("lw", rd=7, rs1=2, imm=6),
                     packed("lw", rd=8, rs1=2, imm=far - 4))  # fmt: skip
    assert group == Group(Kind.LOAD, 2, {0: 0, 3: far - 4}, 0, far, 4)
    (group,) = found(packed("lh", rd=5, rs1=2, imm=2), packed("lw", rd=6, rs1=2, imm=4))
    assert group == Group(Kind.LOAD, 2, {0: 2}, 2, 2, 2)
    (group,) = found(packed("lw", rd=5, rs1=2, imm=4), packed("lh", rd=6, rs1=2, imm=2))
    assert group == Group(Kind.LOAD, 2, {0: 4, 1: 2}, 0, 8, 4)
