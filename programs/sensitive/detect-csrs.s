# detect-csrs.s - can a guest tell by what its CSRs keep of what is written?
#
# isa: rv32ima
#
# What it shows
#   Every CSR of M and S mode is written, with ones where that does no harm, read back and restored.
#   A bit that a hypervisor keeps for itself, or forgets to keep, is not as on the bare machine.  The locks of
#   PMP stay open: there would be no way back.
#
# How to run it
#   trapline boot programs/sensitive/detect-csrs.s
#   trapline virt programs/sensitive/detect-csrs.s --compare

    .include "stage.inc"
    .include "verdict.inc"

    .macro  read_back csr, value, expected
    li      t2, \value
    csrrw   s6, \csr, t2
    csrr    s5, \csr
    csrw    \csr, s6
    expect  s5, \expected, "\csr"
    .endm

main:
    mv      s10, ra
    li      s11, 0
    li      t0, MTIMECMP                    # no timer interrupt pending in mip
    li      t1, -1
    sw      t1, (t0)
    sw      t1, 4(t0)
    read_back mstatus, -1, 0x7e19aa
    read_back misa, -1, 0x40141101
    read_back medeleg, -1, 0xb3ff
    read_back mideleg, -1, 0x222
    read_back mie, -1, 0xaaa
    read_back mcounteren, -1, 0x7
    read_back menvcfg, -1, 0x1
    read_back menvcfgh, -1, 0x0
    read_back mstatush, -1, 0x0
    read_back mcountinhibit, -1, 0x5
    read_back mepc, -1, 0xfffffffc
    read_back mcause, -1, 0xffffffff
    read_back mtval, -1, 0xffffffff
    read_back mip, -1, 0x222
    read_back scounteren, -1, 0x7
    read_back senvcfg, -1, 0x1
    read_back sscratch, -1, 0xffffffff
    read_back sepc, -1, 0xfffffffc
    read_back scause, -1, 0xffffffff
    read_back stval, -1, 0xffffffff
    read_back satp, -1, 0xffffffff
    read_back mtvec, 0x55555554, 0x55555554
    read_back stvec, 0x55555554, 0x55555554
    read_back mscratch, 0x55555554, 0x55555554
    read_back pmpaddr1, -1, 0xffffffff
    read_back pmpaddr2, -1, 0xffffffff
    read_back pmpaddr3, -1, 0xffffffff
    read_back pmpaddr4, -1, 0xffffffff
    read_back pmpaddr5, -1, 0xffffffff
    read_back pmpaddr6, -1, 0xffffffff
    read_back pmpaddr7, -1, 0xffffffff
    read_back pmpaddr8, -1, 0xffffffff
    read_back pmpaddr9, -1, 0xffffffff
    read_back pmpaddr10, -1, 0xffffffff
    read_back pmpaddr11, -1, 0xffffffff
    read_back pmpaddr12, -1, 0xffffffff
    read_back pmpaddr13, -1, 0xffffffff
    read_back pmpaddr14, -1, 0xffffffff
    read_back pmpaddr15, -1, 0xffffffff
    read_back pmpcfg0, 0x1f1f1f1f, 0x1f1f1f1f
    read_back pmpcfg1, 0x1f1f1f1f, 0x1f1f1f1f
    read_back pmpcfg2, 0x1f1f1f1f, 0x1f1f1f1f
    read_back pmpcfg3, 0x1f1f1f1f, 0x1f1f1f1f
    j       verdict
