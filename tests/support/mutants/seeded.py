"""Engines and hypervisors with one mistake each that random kernels did not notice, and for each a guest that does."""

from dataclasses import dataclass

from support.mutants.engine import in_function
from support.mutants.guests import Guest
from support.mutants.hypervisor import Change
from trapline import Machine
from trapline.isa.pmp import A_SHIFT, NAPOT, PMP_W

PAGE_ONE = 0x80014000


@dataclass(frozen=True)
class Seeded:
    """A change of the engine's text, and a guest that ends wrongly with it."""

    change: Change
    guest: Guest


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


def write_only(machine: Machine) -> None:
    """PMP lets page one be written only: reserved, and so no write of pmpcfg0 does it, on this machine."""
    h = machine.engine.h[0]
    h.pmpaddr[0] = (PAGE_ONE | 0x7FF) >> 2
    h.pmpcfg[0] = PMP_W | NAPOT << A_SHIFT
    h.stale = 1


SEEDED: dict[str, Seeded] = {
    "a vector is not cut to 32 bits": Seeded(
        in_function("trap_vector", "4 * (cause & CAUSE_CODE) & TVEC_BASE", "4 * (cause & CAUSE_CODE)"),
        Guest(VECTOR_WRAPS, "bare", expected={"s8": 3, "mepc": 0, "scause": 0x80000001}),
    ),
    "tracing leaves S mode its fetches": Seeded(
        in_function(
            "forget_cached", "hart.fetch_tlb[place ^ 2 * (S << CONTEXT_SHIFT >> PLACE_MODE_SHIFT)] = -1", "pass"
        ),
        Guest(REMAPPED_CODE, "hybrid", "traced"),
    ),
    "tracing follows one entry of a store": Seeded(
        in_function("follow_traced", "forget_entry(v, h, m, r, ram32, m.stored_high)", "pass"),
        Guest(STORE_OVER_TWO_ENTRIES, shadow="traced"),
    ),
    "global tables are not traced": Seeded(
        in_function("table_page", "PTE_A | PTE_D | PTE_V", "PTE_A | PTE_D | 0x20 | PTE_V"),
        Guest(GLOBAL_TABLE, shadow="traced"),
    ),
    "shadow entries may be writable only": Seeded(
        in_function("fill_shadow", " or allowed & (PTE_R | PTE_W) == PTE_W", ""),
        Guest(WRITE_ONLY, prepare=write_only),
    ),
}
