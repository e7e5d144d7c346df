"""Mistakes in traps, in the tracing of page tables and in the allocator, and guests that notice them."""

from support.machines import put
from support.mutants.guests import Seeded, seeded
from trapline import Machine
from trapline.isa.pmp import A_SHIFT, NAPOT, PMP_W
from trapline.isa.sv32 import PAGE_WORDS

PAGE_ONE = 0x80014000
ROOT = 0x80010000
SUPERPAGE = 0x200000CF

REMAPPED_CODE = """
guest:  word    one, 0x00100513         # li a0, 1
        word    one + 4, RETURN
        word    two, 0x00200513         # li a0, 2
        word    two + 4, RETURN
        li      s3, window + 0x1000     # its place in a TLB is not that of the code here
        enter   1
        jalr    ra, (s3)
        li      t1, two >> 2 | 0xcf
        sw      t1, 4(s2)
        jalr    ra, (s3)
        j       done
"""
VECTOR_WRAPS = """
guest:  word    one, 0x00100073         # ebreak
        word    root, table >> 2 | 1    # address 0 through the table, too
        li      t0, -3                  # vectored, four bytes below the end of the address space
        csrw    stvec, t0
        csrsi   mideleg, 2
        csrsi   mie, 2
        csrsi   mip, 2
        csrsi   mstatus, 2
        enter   1
        nop
"""
STORE_OVER_TWO_ENTRIES = """
guest:  enter   1
        li      s3, window + 0x1000
        lw      s1, (s0)
        lw      s4, (s3)
        li      t1, 0x54cf2000          # the first entry keeps its high half, the second leads to page two
        sw      t1, 2(s2)
        lw      s5, (s3)
        j       done
"""
GLOBAL_TABLE = """
guest:  word    root + 0x400, table >> 2 | 0x21
        enter   1
        lw      s1, (s0)
        li      t1, two >> 2 | 0xcf
        sw      t1, (s2)
        lw      s4, (s0)
        j       done
"""
WRITE_ONLY = """
guest:  enter   1
        sw      s2, (s0)
        sw      s2, 4(s0)
        j       done
"""
TABLE_OF_TWO_SLOTS = """
guest:  word    root + 0x404, table >> 2 | 1
        li      s3, window + 0x400000
        enter   1
        lw      s1, (s0)
        lw      s4, (s3)
        li      t1, two >> 2 | 0xcf
        sw      t1, (s2)
        lw      s5, (s0)
        lw      s6, (s3)
        j       done
"""
IN_USER_MODE = """
guest:  word    root + 0x800, 0x200000df
        word    table, one >> 2 | 0xdf
        enter   0
        lw      s1, (s0)
        li      t1, two >> 2 | 0xdf
        sw      t1, (s2)
        lw      s4, (s0)
        ecall
"""
UNDER_SUM = """
guest:  word    table, one >> 2 | 0xdf
        li      t0, 1 << 18
        csrs    mstatus, t0
        enter   1
        lw      s1, (s0)
        li      t1, two >> 2 | 0xdf
        sw      t1, (s2)
        lw      s4, (s0)
        j       done
"""
REMAPPED_DATA = """
guest:  li      s3, window + 0x1000     # its place in a TLB is not that of the code here
        enter   1
        sw      s0, 8(s3)
        li      t1, two >> 2 | 0xcf
        sw      t1, 4(s2)
        sw      s3, 8(s3)
        j       done
"""
LOADED_TABLE = """
guest:  enter   1
        lw      s1, (s0)
        lw      s3, (s2)                # the table can be loaded directly, stored to it cannot
        li      t1, two >> 2 | 0xcf
        sw      t1, (s2)
        lw      s4, (s0)
        j       done
"""
TABLE_OF_ANOTHER_HART = """
        .equ    flag, 0x80016000
        .equ    another, 0x80017000     # root
guest:  csrr    t0, mhartid
        li      s4, other
        li      s5, flag
        li      s6, two >> 2 | 0xcf
        bnez    t0, second
first:  lw      t0, (s5)                # until the second hart has stored to the page that becomes a table
        beqz    t0, first
        word    other, one >> 2 | 0xcf
        word    another + 0x400, other >> 2 | 1
        word    another + 0x800, 0x200000cf
        li      t0, 0x80000000 | another >> 12
        csrw    satp, t0
        enter   1
        lw      s1, (s0)
        li      t0, 2
        sw      t0, (s5)
1:      lw      t0, 4(s5)
        beqz    t0, 1b
        lw      s7, (s0)
        j       done
second: sw      zero, 4(s4)
        li      t0, 1
        sw      t0, (s5)
        li      t1, 2
1:      lw      t0, (s5)
        bne     t0, t1, 1b
        sw      s6, (s4)                # the entry through which the first hart has loaded
        sw      t0, 4(s5)
        j       done
"""
WHOLE_ADDRESS_SPACE = """
guest:  enter   1
        li      t1, 0x400000
        mv      t0, zero
1:      lw      t2, (t0)
        add     t0, t0, t1
        bnez    t0, 1b
        lw      t2, (t0)
        j       done
"""


def write_only(machine: Machine) -> None:
    """PMP lets page one be written only: reserved, and so no write of pmpcfg0 does it, on this machine."""
    h = machine.engine.h[0]
    h.pmpaddr[0] = (PAGE_ONE | 0x7FF) >> 2
    h.pmpcfg[0] = PMP_W | NAPOT << A_SHIFT
    h.stale = 1


def whole_address_space(machine: Machine) -> None:
    """Every 4 MiB of addresses is RAM, and so needs a lower table of its own."""
    put(machine, ROOT, [SUPERPAGE] * PAGE_WORDS)


TABLES: dict[str, Seeded] = {
    "a vector is not cut to 32 bits": seeded(
        "trap_vector",
        "4 * (cause & CAUSE_CODE) & TVEC_BASE",
        "4 * (cause & CAUSE_CODE)",
        VECTOR_WRAPS,
        "bare",
        expected={"s8": 3, "mepc": 0, "scause": 0x80000001},
    ),
    "tracing leaves S mode its fetches": seeded(
        "forget_cached",
        "hart.fetch_tlb[place ^ 2 * (S << CONTEXT_SHIFT >> PLACE_MODE_SHIFT)] = -1",
        "pass",
        REMAPPED_CODE,
        "hybrid",
        "traced",
    ),
    "tracing follows one entry of a store": seeded(
        "follow_traced", "range(m.stored_count)", "range(1)", STORE_OVER_TWO_ENTRIES, shadow="traced"
    ),
    "global tables are not traced": seeded(
        "table_page", "PTE_A | PTE_D | PTE_V", "PTE_A | PTE_D | 0x20 | PTE_V", GLOBAL_TABLE, shadow="traced"
    ),
    "shadow entries may be writable only": seeded(
        "fill_shadow", " or allowed & (PTE_R | PTE_W) == PTE_W", "", WRITE_ONLY, prepare=write_only
    ),
    "tracing follows a table through one slot of the root": seeded(
        "forget_entry",
        "(offset & PAGE_OFFSET) >> 2 << PAGE_SHIFT)",
        "(offset & PAGE_OFFSET) >> 2 << PAGE_SHIFT)\n            return",
        TABLE_OF_TWO_SLOTS,
        shadow="traced",
    ),
    "tracing leaves the root of U mode": seeded(
        "forget_page",
        "range(FIRST_TRANSLATING, ROOTS)",
        "range(FIRST_TRANSLATING + 1, ROOTS)",
        IN_USER_MODE,
        shadow="traced",
    ),
    "tracing leaves the root of SUM": seeded(
        "forget_page",
        "range(FIRST_TRANSLATING, ROOTS)",
        "range(FIRST_TRANSLATING, FIRST_TRANSLATING + WAYS - 1)",
        UNDER_SUM,
        shadow="traced",
    ),
    "tracing leaves the interpreter its stores": seeded(
        "forget_cached", "hart.store_tlb[place] = -1", "pass", REMAPPED_DATA, "hybrid", "traced"
    ),
    "tracing leaves the real hart its stores": seeded(
        "forget_cached", "hart.store_tlb[place] = -1", "pass", REMAPPED_DATA, shadow="traced"
    ),
    "tracing leaves U mode its fetches": seeded(
        "forget_cached", "hart.fetch_tlb[place] = -1", "pass", REMAPPED_CODE, shadow="traced"
    ),
    "others may store to what becomes a table": seeded(
        "watch_table",
        "m.trace_epoch = m.trace_epoch + 1\n        r.trace_epoch = r.trace_epoch + 1",
        "pass",
        TABLE_OF_ANOTHER_HART,
        shadow="traced",
        harts=2,
        steps=8000,
    ),
    "a table that is loaded can be stored to": seeded(
        "fill_shadow", "allowed = allowed & ~PTE_W", "pass", LOADED_TABLE, shadow="traced"
    ),
    "one frame too many": seeded(
        "lower_table",
        "r.next_frame >= FRAMES",
        "r.next_frame > FRAMES",
        WHOLE_ADDRESS_SPACE,
        steps=3500,
        prepare=whole_address_space,
    ),
    "frames are not handed out again": seeded(
        "take_tables_back",
        "r.next_frame = FIRST_TABLE",
        "pass",
        WHOLE_ADDRESS_SPACE,
        steps=3500,
        prepare=whole_address_space,
    ),
}
