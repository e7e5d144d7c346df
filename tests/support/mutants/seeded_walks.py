"""Mistakes in page walks, permissions, PMP and TLBs of the engine itself, and guests that notice them.

The bare machine cannot be asked what is right: each guest says it, in the registers and CSRs that it ends with.
"""

from functools import partial

from support.mutants.guests import Seeded, seeded

MISALIGNED_SUPERPAGE = """
guest:  word    root + 0x404, 0x200004cf
        li      s3, window + 0x400000
        enter   1
        lw      s1, (s3)
        j       done
"""
SUPERPAGE_WITH_AN_OFFSET = """
guest:  word    root + 0x404, 0x200000cf
        li      s3, window + 0x400000 + two - 0x80000000
        enter   1
        lw      s1, (s3)
        j       done
"""
USER_PAGE = """
guest:  word    table, one >> 2 | 0xdf
        enter   1
        lw      s1, (s0)
        j       done
"""
USER_CODE = """
guest:  word    table, one >> 2 | 0xdf
        word    one, RETURN
        li      t0, 1 << 18
        csrs    mstatus, t0
        enter   1
        jalr    ra, (s0)
        j       done
"""
SUPERVISOR_PAGE = """
guest:  word    root + 0x800, 0x200000df
        enter   0
        lw      s1, (s0)
        ecall
"""
EXECUTABLE_PAGE = """
guest:  word    table, one >> 2 | 0xc9
        enter   1
        li      t0, 1 << 19
        csrs    sstatus, t0
        lw      s1, (s0)
        csrc    sstatus, t0
        lw      s4, (s0)
        j       done
"""
READ_ONLY_PAGE = """
guest:  word    table, one >> 2 | 0xc3
        enter   1
        lw      s1, (s0)
        sw      s0, (s0)
        j       done
"""
NEITHER_A_NOR_D = """
guest:  word    table, one >> 2 | 0x0f
        enter   1
        lw      s1, (s0)
        lw      s4, (s2)
        sw      s0, (s0)
        lw      s5, (s2)
        j       done
"""
TABLE_THAT_PMP_LETS_READ = """
guest:  word    table, one >> 2 | 0x0f
        li      t0, (table | 0x7ff) >> 2
        csrw    pmpaddr0, t0
        csrwi   pmpcfg0, 0x19
        li      s1, 5
        enter   1
        probe   s1, s0
        lw      s4, (s0)
        j       done
"""
TABLE_THAT_PMP_HIDES = """
guest:  li      t0, (table | 0x7ff) >> 2
        csrw    pmpaddr0, t0
        csrwi   pmpcfg0, 0x18
        enter   1
        lw      s1, (s0)
        j       done
"""
WRITE_WITHOUT_READ = """
guest:  word    table, one >> 2 | 0xcd
        enter   1
        sw      s0, (s0)
        j       done
"""
POINTER_WITH_A = """
guest:  word    root + 0x400, table >> 2 | 0x41
        enter   1
        lw      s1, (s0)
        j       done
"""
THIRD_LEVEL = """
guest:  word    table, other >> 2 | 1
        word    other, one >> 2 | 0xcf
        enter   1
        lw      s1, (s0)
        j       done
"""
ON_BEHALF_OF_S = """
guest:  li      t0, 0x20800
        csrs    mstatus, t0
        lw      s1, (s0)
        j       done
"""
FENCED_ENTRY = """
guest:  enter   1
        lw      s1, (s0)
        li      t1, two >> 2 | 0xcf
        sw      t1, (s2)
        sfence.vma
        lw      s4, (s0)
        j       done
"""
CODE_THAT_CHANGES_TWICE = """
guest:  word    one + 4, RETURN
        enter   1
        li      t1, 0x00700513          # li a0, 7
        sw      t1, (s0)
        jalr    ra, (s0)
        mv      s1, a0
        li      t1, 0x00900513
        sw      t1, (s0)
        jalr    ra, (s0)
        mv      s4, a0
        li      t1, 0x00500513
        sw      t1, (s0)
        jalr    ra, (s0)
        j       done
"""
LOAD_OF_TWO_PAGES = """
guest:  li      s3, window + 0xffe      # behind page one lies page two, but not at these addresses
        enter   1
        lw      s4, (s0)
        lw      s1, (s3)
        j       done
"""
STORE_OF_TWO_PAGES = """
guest:  li      s3, window + 0xffe
        li      s5, two
        li      t1, 0x12345678
        enter   1
        sw      zero, 8(s0)
        sw      t1, (s3)
        lw      s1, (s0)
        lw      s4, (s5)
        j       done
"""
STORE_OF_WHICH_HALF_FAULTS = """
guest:  word    table + 4, 0
        li      s3, window + 0xffe
        la      t0, check
        csrw    mtvec, t0
        enter   1
        sw      s0, (s3)
        j       done
        .balign 4
check:  csrr    s8, mcause
        csrr    s9, mtval
        li      t0, one + 0xffc
        lw      s1, (t0)
        j       done
"""
HALF_A_PAGE = """
        .macro  forbid_half             # the first of page one
        li      t0, one >> 2
        csrw    pmpaddr0, t0
        li      t0, (one + 0x800) >> 2
        csrw    pmpaddr1, t0
        li      t0, 0x0800
        csrw    pmpcfg0, t0
        .endm
"""
LOADS_OF_HALF_A_PAGE = f"""{HALF_A_PAGE}
guest:  word    one + 0x804, 7
        li      s3, window + 0x804
        forbid_half
        enter   1
        lw      s4, (s3)
        lw      s1, (s0)
        j       done
"""
CODE_OF_HALF_A_PAGE = f"""{HALF_A_PAGE}
guest:  word    one, RETURN
        word    one + 0x804, RETURN
        li      s3, window + 0x1804     # its place in a TLB is not that of the code here
        li      s5, window + 0x1000
        forbid_half
        enter   1
        jalr    ra, (s3)
        li      s4, 7
        jalr    ra, (s5)
        j       done
"""
LOCKED_PAGE = """
guest:  li      t0, (one | 0x7ff) >> 2
        csrw    pmpaddr0, t0
        li      t0, 0x98
        csrw    pmpcfg0, t0
        li      t0, one
        lw      s1, (t0)
        j       done
"""
CODE_THAT_PMP_HIDES = """
guest:  word    one, RETURN
        li      t0, (one | 0x7ff) >> 2
        csrw    pmpaddr0, t0
        csrwi   pmpcfg0, 0x1c
        enter   1
        jalr    ra, (s0)
        lw      s1, (s0)
        j       done
"""
NO_PMP_ENTRY = """
guest:  csrw    pmpcfg3, zero
        enter   1
        j       done
"""

LOAD_PAGE, STORE_PAGE, FETCH_PAGE = ({"s8": cause} for cause in (13, 15, 12))
LOAD_ACCESS, FETCH_ACCESS = ({"s8": cause} for cause in (5, 1))
ENTRY = 0x20005000
"""That of page one, without its flags."""

on_bare = partial(seeded, technique="bare")

WALKS: dict[str, Seeded] = {
    "superpages may be misaligned": on_bare(
        "find_leaf", "if level == 1 and pte & PTE_PPN0:", "if False:", MISALIGNED_SUPERPAGE, expected=LOAD_PAGE
    ),
    "superpages have the offset of a page": on_bare(
        "leaf_address", "vaddr & MEGAPAGE_OFFSET", "vaddr & PAGE_OFFSET", SUPERPAGE_WITH_AN_OFFSET,
        expected={"s1": 222, "s8": 0},
    ),
    "S mode reaches user pages without SUM": on_bare(
        "pte_allows", "(access == FETCH or h.mstatus & SUM == 0)", "access == FETCH", USER_PAGE, expected=LOAD_PAGE
    ),
    "S mode executes user pages under SUM": on_bare(
        "pte_allows", "access == FETCH or h.mstatus & SUM == 0", "h.mstatus & SUM == 0", USER_CODE, expected=FETCH_PAGE
    ),
    "U mode reaches pages of S mode": on_bare(
        "pte_allows", "elif mode == U:", "elif False:", SUPERVISOR_PAGE, expected=LOAD_PAGE
    ),
    "MXR is always set": on_bare(
        "pte_allows", "PTE_R | PTE_X if h.mstatus & MXR else PTE_R", "PTE_R | PTE_X", EXECUTABLE_PAGE,
        expected={"s1": 111, "s4": 0, **LOAD_PAGE},
    ),
    "MXR is ignored": on_bare(
        "pte_allows", "PTE_R | PTE_X if h.mstatus & MXR else PTE_R", "PTE_R", EXECUTABLE_PAGE, expected={"s1": 111}
    ),
    "tags do not know SUM and MXR": on_bare(
        "refresh", " | (h.mstatus & (SUM | MXR)) << SUM_MXR_SHIFT", "", EXECUTABLE_PAGE,
        expected={"s1": 111, "s4": 0, **LOAD_PAGE},
    ),
    "what may be read may be written": on_bare(
        "pte_allows", "return pte & PTE_W != 0", "return pte & PTE_R != 0", READ_ONLY_PAGE,
        expected={"s1": 111, **STORE_PAGE},
    ),
    "A is not set": on_bare(
        "translate", "updated = pte | PTE_A", "updated = pte", NEITHER_A_NOR_D, expected={"s4": ENTRY | 0x4F}
    ),
    "D is not set": on_bare(
        "translate", "updated = updated | PTE_D", "pass", NEITHER_A_NOR_D, expected={"s5": ENTRY | 0xCF}
    ),
    "D is set by loads": on_bare(
        "translate", "if access == STORE:", "if True:", NEITHER_A_NOR_D, expected={"s4": ENTRY | 0x4F}
    ),
    "PMP does not protect entries from A": on_bare(
        "translate", "if not pmp_allows(pmp_lookup(h, address, address + PTE_SIZE), STORE, S):", "if False:",
        TABLE_THAT_PMP_LETS_READ, expected={"s4": 0, **LOAD_ACCESS},
    ),
    "a look does not ask whether A may be set": on_bare(
        "permitted_address", "if pte & wanted != wanted:", "if False:", TABLE_THAT_PMP_LETS_READ, expected={"s1": 0}
    ),
    "PMP does not hide tables": on_bare(
        "find_leaf", "if not pmp_allows(pmp_lookup(h, address, address + PTE_SIZE), LOAD, S):", "if False:",
        TABLE_THAT_PMP_HIDES, expected=LOAD_ACCESS,
    ),
    "a page may be writable only": on_bare(
        "find_leaf", " or pte & (PTE_R | PTE_W) == PTE_W", "", WRITE_WITHOUT_READ, expected=STORE_PAGE
    ),
    "reserved bits of a pointer are ignored": on_bare(
        "find_leaf", " or pte & (PTE_D | PTE_A | PTE_U)", "", POINTER_WITH_A, expected=LOAD_PAGE
    ),
    "tables have a third level": on_bare(
        "find_leaf", "level == 0 or ", "", THIRD_LEVEL, expected=LOAD_PAGE
    ),
    "MPRV is ignored": on_bare(
        "refresh", "mode == M and h.mstatus & MPRV", "False", ON_BEHALF_OF_S, expected={"s1": 111, "s8": 0}
    ),
    "a fence drops nothing": on_bare(
        "refresh", "h.generation = h.generation + 1", "h.generation = 1", FENCED_ENTRY, expected={"s1": 111, "s4": 222}
    ),
    "the last PMP entry is forgotten": on_bare(
        "refresh", "h.pmp_entries = i + 1", "h.pmp_entries = i", FENCED_ENTRY, expected={"s1": 111, "s8": 0}
    ),
    "the store TLB has pages of code": on_bare(
        "data_address", "elif page[U64(offset >> PAGE_SHIFT)] == 0 or", "elif True or", CODE_THAT_CHANGES_TWICE,
        expected={"s1": 7, "s4": 9, "a0": 5},
    ),
    "the store TLB keeps what becomes code": on_bare(
        "follow_code", "h.store_tlb[2 * i] = -1", "pass", CODE_THAT_CHANGES_TWICE, expected={"s1": 7, "s4": 9, "a0": 5}
    ),
    "a load goes on in the next frame": on_bare(
        "load_slow", " and is_within_page(vaddr, width)", "", LOAD_OF_TWO_PAGES, expected={"s1": 111 << 16}
    ),
    "a store goes on in the next frame": on_bare(
        "store_slow", "h.data_context and is_within_page(vaddr, width)", "h.data_context", STORE_OF_TWO_PAGES,
        expected={"s1": 0x1234, "s4": 222},
    ),
    "a store to code goes on in the next frame": on_bare(
        "store_slow", "if is_within_page(vaddr, width) and pmp_lookup", "if pmp_lookup", STORE_OF_WHICH_HALF_FAULTS,
        expected={"s1": 0, "s9": 0x40001000, **STORE_PAGE},
    ),
    "half a store is done": on_bare(
        "store_slow", "for i in range(1, width):", "for i in range(0):", STORE_OF_WHICH_HALF_FAULTS,
        expected={"s1": 0, "s9": 0x40001000, **STORE_PAGE},
    ),
    "PMP that divides a page is asked once, for loads": on_bare(
        "data_address", "if uniform and 0 <= offset", "if 0 <= offset", LOADS_OF_HALF_A_PAGE,
        expected={"s4": 7, **LOAD_ACCESS},
    ),
    "PMP that divides a page is asked once, for fetches": on_bare(
        "fetch_offset", "    if uniform and", "    if True and", CODE_OF_HALF_A_PAGE, expected={"s4": 7, **FETCH_ACCESS}
    ),
    "all TOR regions begin at 0": on_bare(
        "pmp_lookup", "if i > 0:", "if False:", LOADS_OF_HALF_A_PAGE, expected={"s4": 7, **LOAD_ACCESS}
    ),
    "locked entries spare M mode": on_bare(
        "pmp_allows", "mode == M and (cfg == NO_MATCH or cfg & PMP_L == 0)", "mode == M", LOCKED_PAGE,
        expected=LOAD_ACCESS,
    ),
    "what no PMP entry matches is open": on_bare(
        "pmp_allows", "if cfg == NO_MATCH:\n        return False", "if cfg == NO_MATCH:\n        return True",
        NO_PMP_ENTRY, expected=FETCH_ACCESS,
    ),
    "fetches need R of PMP": on_bare(
        "pmp_allows", "PMP_X if access == FETCH else access", "1 if access == FETCH else access", CODE_THAT_PMP_HIDES,
        expected=LOAD_ACCESS,
    ),
}  # fmt: skip
