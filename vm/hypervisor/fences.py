"""The guest's fences of one page, of one address space, or of both: they drop no more than they are about.

The bare machine drops all translations at any fence, and so do the virtual hart's own TLBs; of the shadow tables the
rest stays. `sfence.vma` of everything, and one that an interpreter routine comes to on its own, drop all of these, too
(`vm.hypervisor.shadow.follow_virtual`), but for one that has nothing to drop.
Compiled and plain Python run the same text (`vm.codegen.engine_text`); names are those of `vm.hypervisor.shadow`.
"""

from trapline.isa.cause import ILLEGAL
from trapline.isa.sv32 import PAGE_SHIFT, SATP_ASID
from trapline.vm.core.ints import I64, U64
from trapline.vm.core.work import FORGOTTEN, charge
from trapline.vm.hypervisor.frames import SPACES, WAYS
from trapline.vm.hypervisor.notes import forget_leaf, forget_root, remembers
from trapline.vm.hypervisor.shadow import begin_epoch
from trapline.vm.hypervisor.spaces import first_root, satp_index
from trapline.vm.hypervisor.tracing import forget_cached

SFENCE_VMA = 0x12000073
"""The instruction without operands; `rs1` and `rs2` are where every instruction has them."""
OPERANDS = 0x01FF8000
RS1_SHIFT = 15
RS2_SHIFT = 20
REGISTER_MASK = 31
ASID_SHIFT = 22


def narrow_fence(v, m, r):
    """The word of an sfence.vma that the guest has trapped out at and that need not drop all, else 0.

    Only where shadow tables are up to date but for it; those that are traced have no fence to wait for.
    """
    word = r.exit_tval
    if r.exit_cause != ILLEGAL or word & ~OPERANDS != SFENCE_VMA:
        return 0
    if m.traced or v.stale or v.generation != r.shadow_generation:
        return 0
    return word if word & OPERANDS or follows_drop(v, m, r) else 0


def follows_drop(v, m, r):
    """Whether the guest has not done a step since all was dropped, as for a write of satp right before its fence.

    So it has not stored anything that the fence could be about, and no other hart has, either.
    """
    return m.harts == 1 and v.cycle == r.drop_cycle


def follow_fence(v, h, m, r, ram32, word):
    """The guest has done this sfence.vma, and nothing else: forget what it is about.

    "If rs1 != x0 and rs2 = x0, the fence orders only reads and writes made to leaf page table entries corresponding to
    the virtual address in rs1, for all address spaces." (Priv 10.2.1) With rs2, only for the space that it identifies;
    of entries that are global more is dropped than must be.
    """
    r.shadow_generation = v.generation
    if word & OPERANDS == 0:
        return
    rs1, rs2 = (word >> RS1_SHIFT) & REGISTER_MASK, (word >> RS2_SHIFT) & REGISTER_MASK
    vpn = v.x[rs1] >> PAGE_SHIFT
    asid = (v.x[rs2] << ASID_SHIFT) & SATP_ASID
    wide = rs1 == 0
    charge(m, FORGOTTEN)
    for space in range(SPACES):
        satp = I64(ram32[U64(satp_index(r, space))])
        if satp and (rs2 == 0 or satp & SATP_ASID == asid):
            for way in range(WAYS):
                root = first_root(space) + way
                if rs1 == 0:
                    forget_root(m, r, ram32, root, remembers(m))
                elif forget_leaf(m, r, ram32, root, vpn):
                    wide = True
    if wide:
        begin_epoch(h, r)
    else:
        forget_cached(h, vpn)
