# delegation.s - let S mode handle the traps of U mode, as an operating system under firmware does.
#
# What it shows
#   Every trap goes to M mode, unless its bit in medeleg is set: then a trap from U or S goes straight to
#   stvec in S mode, with scause, sepc and stval.  Traps that are not delegated still go to M, and a
#   trap never goes to a less privileged mode than it came from.
#   U mode makes four traps: three are delegated, an illegal instruction is not.  Then S itself does an
#   ecall, which is how it asks the firmware for something: here, to end the run.
#
# How to run it
#   trapline boot programs/boot/delegation.s

    .include "board.inc"
    .include "trap.inc"

    .equ    NOTHING_HERE, 0x50000           # no memory and no device: a load faults

    .text
    .globl  _start
_start:
    bnez    a0, park
    la      t0, machine_trap
    csrw    mtvec, t0
    la      t0, machine_stack_end
    csrw    mscratch, t0
    li      t0, -1
    csrw    pmpaddr0, t0
    li      t0, PMP_NAPOT | PMP_R | PMP_W | PMP_X
    csrw    pmpcfg0, t0

    li      t0, 1 << CAUSE_ECALL_U | 1 << CAUSE_BREAKPOINT | 1 << CAUSE_LOAD_ACCESS
    csrw    medeleg, t0

    la      t0, supervisor
    csrw    mepc, t0
    li      t0, STATUS_MPP
    csrc    mstatus, t0
    li      t0, STATUS_MPP_S
    csrs    mstatus, t0                     # MPP = 1: S mode
    mret

# --- S mode ------------------------------------------------------------------------------------------
supervisor:
    la      t0, supervisor_trap
    csrw    stvec, t0
    la      t0, supervisor_stack_end
    csrw    sscratch, t0
    la      t0, user
    csrw    sepc, t0
    li      t0, STATUS_SPP
    csrc    sstatus, t0                     # SPP = 0: U mode
    la      sp, user_stack_end
    sret

supervisor_trap:
    trap_enter sscratch
    la      a0, in_supervisor
    call    print_string
    csrr    a0, scause
    call    print_unsigned
    csrr    t0, scause
    li      t1, CAUSE_LOAD_ACCESS
    bne     t0, t1, 1f
    la      a0, fault_address               # stval: the address that could not be read
    call    print_string
    csrr    a0, stval
    call    print_hex
1:  call    print_newline

    csrr    t0, scause
    li      t1, CAUSE_ECALL_U
    bne     t0, t1, 2f
    lw      t0, FRAME_A7(sp)
    beqz    t0, 2f
    ecall                                   # a7 is not 0: U is done.  Now S calls the firmware
2:  csrr    t0, sepc
    addi    t0, t0, 4
    csrw    sepc, t0
    trap_leave sscratch
    sret

# --- U mode ------------------------------------------------------------------------------------------
user:
    li      a7, 0
    ecall
    ebreak
    li      t0, NOTHING_HERE
    lw      t0, (t0)
    csrr    t0, sstatus                     # illegal in U mode
    li      a7, 1
    ecall

# --- M mode ------------------------------------------------------------------------------------------
machine_trap:
    trap_enter mscratch
    la      a0, in_machine
    call    print_string
    csrr    a0, mcause
    call    print_unsigned
    la      a0, from_mode
    call    print_string
    csrr    a0, mstatus                     # MPP: where the trap came from
    srli    a0, a0, 11
    andi    a0, a0, 3
    call    print_unsigned
    call    print_newline

    csrr    t0, mcause
    li      a0, 0
    li      t1, CAUSE_ECALL_S
    beq     t0, t1, finish
    li      a0, 1
    li      t1, CAUSE_ILLEGAL_INSTRUCTION
    bne     t0, t1, finish
    csrr    t0, mepc                        # skip the illegal instruction
    addi    t0, t0, 4
    csrw    mepc, t0
    trap_leave mscratch
    mret

    .include "console.inc"

    .section .rodata
in_supervisor:
    .asciz  "S: trap, scause "
fault_address:
    .asciz  ", stval "
in_machine:
    .asciz  "M: trap, mcause "
from_mode:
    .asciz  ", from mode "

    .bss
    .balign 16
    .zero   1024
machine_stack_end:
    .zero   1024
supervisor_stack_end:
    .zero   1024
user_stack_end:
