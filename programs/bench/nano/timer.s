# timer.s - a nano-benchmark: a timer interrupt whose handler requests the next one.
#
# One operation: the timer of M mode interrupts; firmware hands the interrupt down to S mode; the kernel counts it and
# asks the firmware by `ecall` for the next, at a time that has passed already; back to what was interrupted.
# With hypercalls there is no firmware: the timer interrupts S mode.

    .equ    FIRMWARE, 1
    .include "nano.inc"

supervisor:
    la      t0, trap
    csrw    stvec, t0
    li      t0, STIP
    csrw    sie, t0
    .ifdef EMPTY
1:  addi    s0, s0, -1
    bnez    s0, 1b
    .else
    call    set_timer
    csrsi   sstatus, STATUS_SIE
1:  bnez    s0, 1b                          # the handler counts down
    .endif
    ebreak

    .balign 4
trap:
    addi    s1, s1, 1
    addi    s0, s0, -1
    beqz    s0, last
    call    set_timer
    sret
last:
    csrw    sie, zero
    sret

# The next interrupt: at time 0.
set_timer:
    li      a0, 0
    li      a1, 0
    .ifdef PARAVIRT
    hypercall SET_TIMER
    .else
    ecall
    .endif
    ret

    .balign 4
firmware:
    csrrw   sp, mscratch, sp
    sw      t0, 0(sp)
    sw      t1, 4(sp)
    csrr    t0, mcause
    bgez    t0, call
    li      t1, STIP                        # the timer: hand it down, and be quiet until the next call
    csrs    mip, t1
    li      t1, INTERRUPT_MTI
    csrc    mie, t1
    j       firmware_return
call:
    li      t1, CAUSE_ECALL_S
    bne     t0, t1, finish
    li      t1, MTIMECMP                    # a0 and a1 are the deadline
    li      t0, -1
    sw      t0, 4(t1)
    sw      a0, 0(t1)
    sw      a1, 4(t1)
    li      t1, STIP
    csrc    mip, t1
    li      t1, INTERRUPT_MTI
    csrs    mie, t1
    csrr    t0, mepc
    addi    t0, t0, 4
    csrw    mepc, t0
firmware_return:
    lw      t0, 0(sp)
    lw      t1, 4(sp)
    csrrw   sp, mscratch, sp
    mret
