# injection.s - traps that the guest takes, as its hart would have taken them.
#
# What the hardware does in one step is done here on the record: sepc, scause, stval, the bits of sstatus, the mode,
# and the pc from stvec.  A trap of the guest's U mode and one of its S mode both end in its S mode: Warren below
# stands in for M mode, and has "delegated" everything but the calls that it serves.

    .include "warren.inc"

    .globl  inject_exception, advance, check_interrupts, refuse, refuse_access

    .text
# refuse: the instruction in s1 is illegal for the guest.
refuse:
    li      a0, CAUSE_ILLEGAL_INSTRUCTION
    mv      a1, s1

# inject_exception(a0: cause, a1: value for stval)
inject_exception:
    count   STAT_EXCEPTION
    csrr    a2, sepc
    lw      t0, VHART_MODE(tp)
    beqz    t0, 1f
    lw      t0, VHART_STVEC(tp)             # the first instruction of its handler?  The same will happen again for
    andi    t0, t0, ~3                      # ever: a trap in S mode has turned interrupts off
    bne     a2, t0, 1f
    j       guest_crashes
1:  call    enter_handler
    j       resume

# advance: the guest's instruction is done.
advance:
    csrr    t0, sepc
    addi    t0, t0, 4
    csrw    sepc, t0

# check_interrupts: let the guest take the interrupt that is pending and enabled, if any, and resume.
check_interrupts:
    lw      t0, VHART_SIP(tp)
    lw      t1, VHART_SIE(tp)
    and     t0, t0, t1
    beqz    t0, resume
    lw      t1, VHART_MODE(tp)              # U mode cannot turn them off
    beqz    t1, 1f
    lw      t1, VHART_SSTATUS(tp)
    andi    t1, t1, STATUS_SIE
    beqz    t1, resume
1:  li      a0, INTERRUPT_BIT | CODE_SEI    # "SEI, SSI, STI" is their order
    andi    t1, t0, INTERRUPT_SEI
    bnez    t1, 2f
    li      a0, INTERRUPT_BIT | CODE_SSI
    andi    t1, t0, INTERRUPT_SSI
    bnez    t1, 2f
    li      a0, INTERRUPT_BIT | CODE_STI
2:  count   STAT_INTERRUPT
    li      a1, 0
    csrr    a2, sepc
    call    enter_handler
    j       resume

# enter_handler(a0: cause, a1: value for stval, a2: pc): what a hart does at a trap.
enter_handler:
    sw      a2, VHART_SEPC(tp)
    sw      a0, VHART_SCAUSE(tp)
    sw      a1, VHART_STVAL(tp)
    lw      t0, VHART_SSTATUS(tp)
    andi    t1, t0, STATUS_SIE
    slli    t1, t1, SPIE_TO_SIE
    lw      t2, VHART_MODE(tp)
    slli    t3, t2, SPP_SHIFT
    or      t1, t1, t3
    andi    t0, t0, ~(STATUS_SIE | STATUS_SPIE | STATUS_SPP)
    or      t0, t0, t1
    sw      t0, VHART_SSTATUS(tp)
    lw      t0, VHART_STVEC(tp)
    andi    t1, t0, ~3
    bgez    a0, 1f
    andi    t0, t0, VECTORED
    beqz    t0, 1f
    slli    a0, a0, 2                       # an interrupt, and the vector has an entry for each
    add     t1, t1, a0
1:  csrw    sepc, t1
    li      t0, 1
    sw      t0, VHART_MODE(tp)
    beqz    t2, choose_root                 # its S mode sees other pages than its U mode
    ret
