# demand.s - a small kernel that gives a user program pages and prints for it, bare or with hypercalls.
#
# What it shows
#   The same source is two kernels.  Without the symbol PARAVIRT it runs on any machine.  With it (see
#   demand-paravirt.s) it asks the hypervisor for what would trap anyway: one hypercall sets a page-table entry
#   and flushes one page, one goes back to the user with all registers, one prints a line.
#   What the user program sees is the same: pages that appear when touched, numbers, ticks of a timer.
#
# How to run it
#   trapline boot programs/guests/demand.s

    .include "../boot/board.inc"
    .include "hypercalls.inc"

    .equ    USER, 0x40000000                # where the user program is mapped
    .equ    WINDOW, 0x40400000              # memory on demand from here on
    .equ    PAGE, 4096
    .equ    PAGES, 24
    .equ    TICK, 2000                      # mtime ticks between timer interrupts
    .equ    TICKS, 3
    .equ    CAUSE_TIMER, 0x80000005
    .equ    STIP, 1 << 5

    .text
    .globl  _start
_start:
    la      t0, machine_trap
    csrw    mtvec, t0
    la      t0, machine_frame
    csrw    mscratch, t0
    li      t0, -1
    csrw    pmpaddr0, t0
    li      t0, PMP_NAPOT | PMP_R | PMP_W | PMP_X
    csrw    pmpcfg0, t0
    li      t0, 1 << CAUSE_ECALL_U | 1 << CAUSE_LOAD_PAGE | 1 << CAUSE_STORE_PAGE
    csrw    medeleg, t0
    li      t0, STIP
    csrw    mideleg, t0
    csrw    mie, t0
    li      t0, 2                           # time for S mode
    csrw    mcounteren, t0
    la      t0, supervisor
    csrw    mepc, t0
    li      t0, STATUS_MPP
    csrc    mstatus, t0
    li      t0, STATUS_MPP_S
    csrs    mstatus, t0
    mret

# The firmware of the bare kernel: the timer is the machine's, and S mode asks for it.
machine_trap:
    csrrw   sp, mscratch, sp
    sw      t0, 0(sp)
    sw      t1, 4(sp)
    csrr    t0, mcause
    bgez    t0, call
    li      t1, STIP                        # the timer: hand it down, and be quiet until the next call
    csrs    mip, t1
    li      t1, INTERRUPT_MTI
    csrc    mie, t1
    j       machine_return
call:
    li      t1, CAUSE_ECALL_S
    bne     t0, t1, fail
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
machine_return:
    lw      t0, 0(sp)
    lw      t1, 4(sp)
    csrrw   sp, mscratch, sp
    mret
fail:
    li      t0, FINISHER
    li      t1, 1 << 16 | FINISHER_FAIL
    sw      t1, (t0)

supervisor:
    la      sp, frame
    csrw    sscratch, sp
    la      t0, supervisor_trap
    csrw    stvec, t0
    # The root: the devices and RAM as they are, for S mode; the user's 8 MiB through two tables.
    la      s0, root
    li      t0, PTE_V | PTE_R | PTE_W | PTE_A | PTE_D
    sw      t0, 0(s0)                       # the finisher
    li      t1, UART >> 2 | PTE_V | PTE_R | PTE_W | PTE_A | PTE_D
    sw      t1, (UART >> 22) * 4(s0)
    li      t1, RAM >> 2 | PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D
    li      t2, (RAM >> 22) * 4
    add     t2, t2, s0
    sw      t1, (t2)
    la      t1, leaves
    srli    t1, t1, 2
    ori     t1, t1, PTE_V
    sw      t1, (USER >> 22) * 4(s0)
    la      t1, window
    srli    t1, t1, 2
    ori     t1, t1, PTE_V
    sw      t1, (WINDOW >> 22) * 4(s0)
    la      t1, user
    srli    t1, t1, 2
    ori     t1, t1, PTE_V | PTE_R | PTE_X | PTE_U | PTE_A
    la      t2, leaves
    sw      t1, (t2)
    srli    a0, s0, 12
    li      t0, SATP_SV32
    or      a0, a0, t0
    .ifdef PARAVIRT
    hypercall SET_PAGE_TABLE
    .else
    csrw    satp, a0
    sfence.vma
    .endif
    call    next_tick
    li      t0, USER
    sw      t0, 0(sp)
    j       leave

# Every trap of the user program.  The frame at sp: pc, then x1 to x31.
    .balign 4
supervisor_trap:
    csrrw   sp, sscratch, sp
    sw      x1, 4(sp)
    .irp    n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    sw      x\n, 4*\n(sp)
    .endr
    csrr    t0, sscratch
    sw      t0, 8(sp)
    csrr    t0, sepc
    sw      t0, 0(sp)
    csrr    t0, scause
    li      t1, CAUSE_TIMER
    beq     t0, t1, tick
    li      t1, CAUSE_ECALL_U
    bne     t0, t1, fault
    lw      t0, 0(sp)
    addi    t0, t0, 4
    sw      t0, 0(sp)
    beqz    a7, leave                       # call 0: nothing
    li      t1, 1
    beq     a7, t1, print                   # call 1: print the number in a0
    li      t1, 2
    bne     a7, t1, fail
    lw      a0, ticks                       # call 2: wait for a tick
    sw      a0, 40(sp)
    csrw    sscratch, sp
wait:
    .ifdef PARAVIRT
    hypercall YIELD
    .else
    wfi
    .endif
    csrr    t0, sip
    andi    t0, t0, STIP
    beqz    t0, wait
    j       tick

fault:
    csrr    a2, stval                       # a page of the window, or the program is wrong
    li      t0, WINDOW
    bltu    a2, t0, fail
    li      t1, WINDOW + PAGES * PAGE
    bgeu    a2, t1, fail
    sub     t0, a2, t0
    srli    t0, t0, 12
    la      a0, window
    slli    t1, t0, 2
    add     a0, a0, t1
    la      a1, pool
    slli    t0, t0, 12
    add     a1, a1, t0
    srli    a1, a1, 2
    ori     a1, a1, PTE_V | PTE_R | PTE_W | PTE_U | PTE_A | PTE_D
    .ifdef PARAVIRT
    hypercall SET_ENTRY
    .else
    sw      a1, (a0)
    sfence.vma
    .endif
    j       leave

tick:
    la      t0, ticks
    lw      t1, (t0)
    addi    t1, t1, 1
    sw      t1, (t0)
    la      ra, leave
    li      t2, TICKS
    blt     t1, t2, next_tick
    li      a0, -1                          # no more of them
    li      a1, -1
    j       set_timer
next_tick:
    csrr    a0, time
    li      t0, TICK
    add     a0, a0, t0
    li      a1, 0
set_timer:
    .ifdef PARAVIRT
    hypercall SET_TIMER
    .else
    ecall
    .endif
    li      t0, STIP
    csrs    sie, t0
    ret

# Eight digits and a newline; the last number that is printed ends the run.
print:
    lw      s1, 40(sp)
    la      s2, line
    addi    s3, s2, 8
digit:
    srli    t0, s1, 28
    slli    s1, s1, 4
    addi    t0, t0, '0'
    li      t1, '9'
    ble     t0, t1, 1f
    addi    t0, t0, 'a' - '9' - 1
1:  sb      t0, (s2)
    addi    s2, s2, 1
    bltu    s2, s3, digit
    la      a0, line
    li      a1, 9
    .ifdef PARAVIRT
    hypercall CONSOLE_WRITE
    .else
    li      t0, UART
2:  lb      t1, UART_STATUS(t0)
    andi    t1, t1, UART_IDLE
    beqz    t1, 2b
    lb      t1, (a0)
    sb      t1, (t0)
    addi    a0, a0, 1
    addi    a1, a1, -1
    bnez    a1, 2b
    .endif
    lw      t0, 44(sp)
    beqz    t0, leave
    li      t0, FINISHER
    li      t1, FINISHER_PASS
    sw      t1, (t0)

leave:
    .ifdef PARAVIRT
    mv      a0, sp
    hypercall RETURN_TO_USER
    .else
    csrw    sscratch, sp
    lw      t0, 0(sp)
    csrw    sepc, t0
    lw      x1, 4(sp)
    .irp    n, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    lw      x\n, 4*\n(sp)
    .endr
    lw      sp, 8(sp)
    sret
    .endif

# The user program: sums over pages that are not there yet, empty calls, ticks.
    .balign PAGE
user:
    li      s0, WINDOW
    li      s1, WINDOW + PAGES * PAGE
    li      s2, PAGE
    li      s3, 0
1:  sw      s0, 16(s0)                      # a store to each page
    add     s0, s0, s2
    bltu    s0, s1, 1b
    li      s0, WINDOW
2:  lw      t0, 16(s0)
    add     s3, s3, t0
    add     s0, s0, s2
    bltu    s0, s1, 2b
    mv      a0, s3
    li      a1, 0
    li      a7, 1
    ecall
    li      s4, 50
3:  li      a7, 0
    ecall
    addi    s4, s4, -1
    bnez    s4, 3b
    li      s5, TICKS
4:  li      a7, 2
    ecall
    addi    a0, a0, 1
    blt     a0, s5, 4b
    li      a1, 1
    li      a7, 1
    ecall
5:  j       5b

    .balign PAGE
    .data
    .balign PAGE
root:
    .zero   PAGE
leaves:
    .zero   PAGE
window:
    .zero   PAGE
pool:
    .zero   PAGES * PAGE
frame:
    .zero   128
machine_frame:
    .zero   8
ticks:
    .word   0
line:
    .ascii  "00000000\n"
