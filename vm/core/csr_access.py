"""Who may access a CSR. Runs compiled and as plain Python (see `vm.codegen.engine_text`)."""

from trapline.isa.csr import ACCESS_SHIFT, PRIVILEGE_SHIFT, READ_ONLY
from trapline.isa.mode import MODE_BITS
from trapline.vm.core.generated import csr_read


def csr_access(h, address, writes):
    """The value of a CSR for an instruction in the present mode, or -1 for an illegal access.

    "the top two bits (csr[11:10]) indicate whether the register is read/write (00, 01, or 10) or read-only (11). The
    next two bits (csr[9:8]) encode the lowest privilege level that can access the CSR." (Priv 2.1)
    """
    if (address >> PRIVILEGE_SHIFT) & MODE_BITS > h.mode:
        return -1
    if writes and address >> ACCESS_SHIFT == READ_ONLY:
        return -1
    return csr_read(h, address)
