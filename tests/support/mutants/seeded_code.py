"""Mistakes in what watches, patches and translates the guest's code, and guests that notice them."""

from support.mutants.guests import Seeded, seeded
from trapline import Machine
from trapline.vm.core.overlays import OVERLAYS

OVERLAY_BYTES = 8

TABLE_WITH_CODE = """
guest:  li      s3, table + 0x800
        word    table + 0x800, RDMODE
        word    table + 0x804, RETURN
        jalr    ra, (s3)
        csrw    satp, zero              # a table no more, but code
        word    table + 0x800, 0x00700513       # li a0, 7
        jalr    ra, (s3)
        mv      s1, a0
        word    table + 0x800, RDMODE
        jalr    ra, (s3)
        j       done
"""
TABLE_WITH_HOLES = """
guest:  li      s3, table + 0x800
        word    table + 0x800, RDMODE
        word    table + 0x804, RDMODE
        word    table + 0x808, RETURN
        enter   1
        jalr    ra, (s3)                # cannot become code; a table it is still
        lw      s1, (s0)
        li      t1, two >> 2 | 0xcf
        sw      t1, (s2)
        lw      s6, (s0)
        j       done
"""
STORED_THROUGH_ANOTHER_ADDRESS = """
guest:  li      s3, one
        enter   1
        li      t1, 0x00700513          # li a0, 7
        sw      t1, (s0)
        li      t1, RETURN
        sw      t1, 4(s0)
        jalr    ra, (s3)
        mv      s1, a0
        li      t1, RDMODE
        sw      t1, (s0)
        jalr    ra, (s3)
        j       done
"""
INTERPRETED_BEFORE_IT_IS_CODE = """
guest:  word    one, RDMODE
        word    one + 4, RETURN
        li      s3, one
        li      t0, 0x21800             # under MPRV M mode is interpreted; its accesses are still its own
        csrs    mstatus, t0
        jalr    ra, (s3)
        li      t0, 0x20000
        csrc    mstatus, t0
        mv      s1, a0
        jalr    ra, (s3)
        j       done
"""
HOLES_WITHOUT_ROOM = """
guest:  word    one, RDMODE
        word    one + 4, 0x0400058b     # rdmode a1
        word    one + 8, RETURN
        li      s3, one
        enter   1
        jalr    ra, (s3)
        lw      s4, (s0)
        lw      s5, 4(s0)
        li      t1, 0x00700593          # li a1, 7
        sw      t1, 4(s0)
        jalr    ra, (s3)                # now there is
        li      t1, RDMODE
        sw      t1, (s0)
        jalr    ra, (s3)
        j       done
"""
WRITABLE_WITHOUT_ROOM = """
guest:  word    one, RDMODE
        word    one + 4, RDMODE
        word    one + 8, RETURN
        li      s3, one
        li      s4, 0x13
        li      s5, RDMODE
        enter   1
        sw      s4, 12(s0)
        jalr    ra, (s3)
        sw      s4, 4(s0)
        jalr    ra, (s3)                # now there is room
        sw      s5, (s0)
        jalr    ra, (s3)
        j       done
"""
ONE_HOLE_TOO_MANY = """
guest:  word    one, RDMODE
        word    one + 4, 0x13           # nop
        word    one + 8, RETURN
        li      s3, one
        enter   1
        jalr    ra, (s3)
        li      t1, 0x0400058b          # rdmode a1
        sw      t1, 4(s3)
        jalr    ra, (s3)
        j       done
"""
CODE_OF_TWO_PAGES_IN_TURN = """
guest:  word    one, 0x00100513         # li a0, 1
        word    one + 4, RETURN
        li      s3, one
        la      s4, back
        li      t0, two - 0x80000000
        add     s4, s4, t0
        li      t1, 0x00200513          # in page two, where the page here has the words that are returned to
        sw      t1, (s4)
        li      t1, RETURN
        sw      t1, 4(s4)
        jalr    ra, (s3)
        mv      s1, a0
        jalr    ra, (s4)
back:   mv      s5, a0
        jalr    ra, (s3)
        j       done
"""
TOHOST_BESIDE_HOLES = """
        .globl  tohost
        .equ    tohost, one + 0x800
guest:  word    one, RDMODE
        word    one + 4, RDMODE
        word    one + 8, RETURN
        li      s3, one
        li      s4, tohost
        enter   1
        jalr    ra, (s3)                # cannot become code
        li      s5, 70
1:      sw      s5, 0x100(s3)           # what is decoded of it goes as well
        addi    s5, s5, -1
        bnez    s5, 1b
        li      t0, 1
        sw      t0, (s4)                # the end
        j       done
"""
HANDLER_AT_THE_ADDRESS_OF_ANOTHER_PAGE = """
        .equ    READ_SSCRATCH, 0x140024f3       # csrr s1, sscratch
guest:  word    root + 0x800, other >> 2 | 1    # S mode has page two at the address of page one
        word    other, 0x200000cf
        word    other + 0x44, 0x200044cf        # the table
        word    other + 0x50, two >> 2 | 0xcf
        word    two + 0x20, READ_SSCRATCH
        word    two + 0x24, RETURN
        word    root + 0x20, 0x8000cf           # the CLINT
        word    one, 0x30401073                 # csrw mie, zero
        word    one + 4, 0x30200073             # mret
        li      s3, one + 0x20
        li      t0, one
        csrw    mtvec, t0
        li      t0, 77
        csrw    sscratch, t0
        sfence.vma
        csrsi   mie, 8
        li      s5, 0x2000000
        enter   1
        jalr    ra, (s3)
        mv      s4, s1
        csrw    sscratch, zero
        li      t0, 1
        sw      t0, (s5)                        # a software interrupt, to M mode
        jalr    ra, (s3)
        j       done
"""
ENTRY_THAT_IS_EXECUTED = """
        .equ    ADDI, 0x20008313                # addi t1, ra, 0x200: for U mode, to be read, and A clear
guest:  word    table + 0x20, ADDI
        word    table + 0x24, RETURN
        li      s3, table + 0x20
        li      s4, window + 0x8000
        li      t0, 1 << 18
        csrs    mstatus, t0
        enter   1
        jalr    ra, (s3)
        mv      s5, t1
        lw      s6, (s4)                        # its walk makes that word an illegal one
        jalr    ra, (s3)
        j       done
"""
DATA_THAT_WAS_CODE = """
guest:  word    one, 0x00100513         # li a0, 1
        word    one + 4, RETURN
        li      s3, one
        enter   1
        jalr    ra, (s3)
        li      s4, 64
1:      sw      s4, 0x100(s3)
        addi    s4, s4, -1
        bnez    s4, 1b
        li      t1, 0x00200513
        sw      t1, (s3)                # makes it data
        jalr    ra, (s3)
        j       done
"""


def one_place_for_holes(machine: Machine) -> None:
    """As if all entries of the table of overlays but one were in use."""
    if machine.engine.originals is not None:
        m = machine.engine.m
        m.overlays = m.free_overlay = OVERLAYS - 1
        machine.engine._all_ram[m.overlay_table : m.overlay_table + OVERLAY_BYTES * (OVERLAYS - 1)] = 0xFF


CODE: dict[str, Seeded] = {
    "a table that goes takes the code on it along": seeded(
        "trace_tables", "if not is_code(m, ram32, number):", "if True:", TABLE_WITH_CODE, "patch", "traced"
    ),
    "what cannot become code is a table no more": seeded(
        "unwatch", "m.traced == 0 and ", "", TABLE_WITH_HOLES, "patch", "traced", prepare=one_place_for_holes
    ),
    "code may be stored to through another entry": seeded(
        "begin_code", "if is_writable(m, state):", "if False:", STORED_THROUGH_ANOTHER_ADDRESS, "patch"
    ),
    "copies do not follow stores through another entry": seeded(
        "begin_code", "if is_writable(m, state):", "if False:", STORED_THROUGH_ANOTHER_ADDRESS, "translate"
    ),
    "the patcher does not know what is writable": seeded(
        "patch_restrict", "state_of_data(m, ram32, number, 1)", "pass", STORED_THROUGH_ANOTHER_ADDRESS, "patch"
    ),
    "the translator does not know what is writable": seeded(
        "translate_restrict", "state_of_data(m, ram32, number, 1)", "pass", STORED_THROUGH_ANOTHER_ADDRESS, "translate"
    ),
    "a patched word stays decoded": seeded(
        "place_overlay", "forget_code(code, page, 2 * parcel)", "pass", INTERPRETED_BEFORE_IT_IS_CODE, "patch"
    ),
    "some patches stay where there is no room for all": seeded(
        "make_code",
        "make_data(m, ram32, code, page, number)",
        "pass",
        HOLES_WITHOUT_ROOM,
        "patch",
        prepare=one_place_for_holes,
    ),
    "what is writable is forgotten where there is no room": seeded(
        "state_of_data",
        "if writable or is_writable(m, I64(ram32[U64(index)])):",
        "if writable:",
        WRITABLE_WITHOUT_ROOM,
        "patch",
        prepare=one_place_for_holes,
    ),
    "a hole without room is not patched": seeded(
        "after_store",
        "if room == 0 or stored_often(state):",
        "if stored_often(state):",
        ONE_HOLE_TOO_MANY,
        "patch",
        prepare=one_place_for_holes,
    ),
    "copies are known when all have gone": seeded(
        "make_copy",
        "forget_copies(m, ram32, page, other)",
        "pass",
        CODE_OF_TWO_PAGES_IN_TURN,
        "translate",
        constants={"COPIES": 2},
    ),
    "copies are executed when all have gone": seeded(
        "make_copy", "drop_everywhere(m)", "pass", CODE_OF_TWO_PAGES_IN_TURN, "translate", constants={"COPIES": 2}
    ),
    "copies of what is data come back with it": seeded(
        "forget_copies", "ram32[U64(state_index(m, number) + i)] = U32(0)", "pass", DATA_THAT_WAS_CODE, "translate"
    ),
    "copies of what is data are executed": seeded(
        "forget_word", "drop_everywhere(m)", "pass", DATA_THAT_WAS_CODE, "translate"
    ),
    "tohost is not noticed beside what cannot become code": seeded(
        "unwatch",
        "m.tohost < 0 or m.tohost - m.ram_base >> PAGE_SHIFT != number",
        "True",
        TOHOST_BESIDE_HOLES,
        "patch",
        steps=600,
        prepare=one_place_for_holes,
    ),
    "the translator looks with the mode before an interrupt": seeded(
        "translate_block", "refresh(v)", "pass", HANDLER_AT_THE_ADDRESS_OF_ANOTHER_PAGE, "translate"
    ),
    "what the walk changes is not translated again": seeded(
        "translate", "if m.notes_walks and", "if False and", ENTRY_THAT_IS_EXECUTED, "translate"
    ),
    "what the walk changes stays decoded": seeded(
        "translate", "forget_code(code, page, offset)", "pass", ENTRY_THAT_IS_EXECUTED
    ),
}
