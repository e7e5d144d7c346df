"""Who may access a CSR. Runs compiled and as plain Python (see `vm.codegen.engine_text`)."""

from trapline.vm.core.provided import csr_read


def csr_access(h, address, writes):
    """The value of a CSR for an instruction in the present mode, or -1 for an illegal access.

    "the top two bits (csr[11:10]) indicate whether the register is read/write (00, 01, or 10) or read-only (11). The
    next two bits (csr[9:8]) encode the lowest privilege level that can access the CSR." (Priv 2.1)
    """
    if (address >> 8) & 3 > h.mode:
        return -1
    if writes and address >> 10 == 3:
        return -1
    return csr_read(h, address)
