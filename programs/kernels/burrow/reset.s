# reset.s - from reset to S mode, and the little that remains in M mode.
#
# Every hart begins here in M mode.  M mode opens all memory to the lower modes (PMP), delegates traps and
# interrupts to S mode, and keeps the two that this machine does not give to S mode: the CLINT's timer and
# its interrupts between harts.  Hart 0 initializes the kernel while the others wait.

    .include "burrow.inc"

    .globl  _start

    .text
_start:
    csrr    s0, mhartid
    li      t0, MOST_HARTS
    bgeu    s0, t0, park
    la      t0, machine_trap
    csrw    mtvec, t0
    la      t1, machine_frames
    slli    t0, s0, 4
    add     t1, t1, t0
    csrw    mscratch, t1
    li      t0, -1                          # open all memory to all modes
    csrw    pmpaddr0, t0
    li      t0, PMP_NAPOT | PMP_R | PMP_W | PMP_X
    csrw    pmpcfg0, t0
    li      t0, -1 & ~(1 << CAUSE_ECALL_S)  # every exception but ecalls from S mode
    csrw    medeleg, t0
    li      t0, INTERRUPT_SSI | INTERRUPT_STI | INTERRUPT_SEI
    csrw    mideleg, t0
    li      t0, 7                           # S mode and U mode may read cycle, time and instret
    csrw    mcounteren, t0
    csrw    scounteren, t0
    li      t0, INTERRUPT_MSI               # the timer's bit is set when S mode asks for it
    csrw    mie, t0

    beqz    s0, first_hart
    la      t0, harts_present               # tell hart 0 that this hart is here...
    li      t1, 1
    sll     t1, t1, s0
    amoor.w.aqrl zero, t1, (t0)
    la      t0, kernel_ready
1:  lw      t1, (t0)                        # ...before checking: hart 0 wakes those that it has seen
    bnez    t1, 2f
    wfi
    j       1b
2:  fence   r, rw
    j       to_supervisor

first_hart:
    la      t0, supervisor_first
    j       3f
to_supervisor:
    la      t0, supervisor_other
3:  csrw    mepc, t0
    mv      a0, s0
    li      t0, STATUS_MPP
    csrc    mstatus, t0
    li      t0, STATUS_MPP_S
    csrs    mstatus, t0
    mret

park:
    wfi
    j       park

# --- M mode after boot ---------------------------------------------------------------------------------
    .balign 4
machine_trap:
    csrrw   sp, mscratch, sp
    sw      t0, 0(sp)
    sw      t1, 4(sp)
    csrr    t0, mcause
    bgez    t0, machine_call
    andi    t0, t0, 15
    li      t1, 3
    beq     t0, t1, software_interrupt
    li      t1, INTERRUPT_STI               # the timer: pass it on to S mode, then stay quiet until the next call
    csrs    mip, t1
    li      t1, INTERRUPT_MTI
    csrc    mie, t1
    j       machine_return
software_interrupt:
    csrr    t0, mhartid
    slli    t0, t0, 2
    li      t1, CLINT
    add     t0, t0, t1
    sw      zero, (t0)
    csrsi   mip, INTERRUPT_SSI
    j       machine_return

machine_call:
    li      t1, CAUSE_ECALL_S
    bne     t0, t1, machine_fault
    csrr    t0, mepc
    addi    t0, t0, 4
    csrw    mepc, t0
    beqz    a7, machine_set_timer
    li      t1, MACHINE_SEND_IPI
    bne     a7, t1, machine_unknown
    slli    t0, a0, 2
    li      t1, CLINT
    add     t0, t0, t1
    li      t1, 1
    sw      t1, (t0)
    j       machine_return
machine_set_timer:
    csrr    t0, mhartid
    slli    t0, t0, 3
    li      t1, MTIMECMP
    add     t0, t0, t1
    li      t1, -1                          # so that it is never earlier than both deadlines
    sw      t1, 4(t0)
    sw      a0, 0(t0)
    sw      a1, 4(t0)
    li      t0, INTERRUPT_STI
    csrc    mip, t0
    li      t0, INTERRUPT_MTI
    csrs    mie, t0
    j       machine_return
machine_unknown:
    li      a0, MACHINE_NO_SUCH_CALL        # a hypercall, but no hypervisor below to serve it
machine_return:
    lw      t0, 0(sp)
    lw      t1, 4(sp)
    csrrw   sp, mscratch, sp
    mret
machine_fault:                              # M mode itself has trapped: the state cannot be trusted
    li      t0, FINISHER
    li      t1, 255 << 16 | FINISHER_FAIL
    sw      t1, (t0)
    j       park

    .bss
    .balign 16
machine_frames:
    .zero   16 * MOST_HARTS
