# timer.s - timer interrupts: sleep until the clock rings, five times.
#
# What it shows
#   The CLINT counts time in mtime and asks for an interrupt while mtime is not below mtimecmp.  It is
#   taken if mie.MTIE and mstatus.MIE are set.  With bit 0 of mtvec set, interrupts are vectored: number n
#   goes to mtvec + 4 * n, where a jump stands, so the handler need not ask what has happened.
#   Both registers are 64 bits wide and read or written in halves: each half at the right moment.
#
# How to run it
#   trapline boot programs/boot/timer.s

    .include "board.inc"
    .include "trap.inc"

    .equ    INTERVAL, 100000                # in ticks of 100 nanoseconds: 10 milliseconds
    .equ    TICKS, 5

    .text
    .globl  _start
_start:
    bnez    a0, park
    la      sp, stack_end
    la      t0, trap_stack_end
    csrw    mscratch, t0
    la      t0, vectors + 1                 # bit 0: vectored
    csrw    mtvec, t0

    li      s0, 0
    call    next_alarm
    li      t0, INTERRUPT_MTI
    csrw    mie, t0
    li      s1, TICKS
1:  csrci   mstatus, STATUS_MIE             # no interrupt may come between the look at s0, which the
    bgeu    s0, s1, 2f                      # handler counts up, and...
    wfi                                     # ...this, which a request ends even while they are off
    csrsi   mstatus, STATUS_MIE             # now it is taken
    j       1b
2:
    la      a0, all_done
    call    print_string
    li      a0, 0
    call    finish

# next_alarm(): mtimecmp = mtime + INTERVAL
next_alarm:
    li      t0, MTIME
1:  lw      t1, 4(t0)                       # read the upper half twice: if the lower half has
    lw      t2, 0(t0)                       # overflowed in between, they differ
    lw      t3, 4(t0)
    bne     t1, t3, 1b
    li      t3, INTERVAL
    add     t2, t2, t3
    sltu    t3, t2, t3                      # the carry into the upper half
    add     t1, t1, t3
    li      t0, MTIMECMP
    li      t3, -1
    sw      t3, 4(t0)                       # no moment may show a value that is too early
    sw      t2, 0(t0)
    sw      t1, 4(t0)
    ret

timer_interrupt:
    trap_enter mscratch
    addi    s0, s0, 1                       # s0 belongs to the handler in this program
    la      a0, tick
    call    print_string
    mv      a0, s0
    call    print_unsigned
    call    print_newline
    call    next_alarm                      # this also withdraws the present request
    trap_leave mscratch
    mret

exception:
    li      a0, 1
    call    finish

    .balign 64                              # one jump for each number
vectors:
    j       exception                       # 0: all exceptions come here
    j       exception                       # 1: supervisor software interrupt
    j       exception
    j       exception                       # 3: machine software interrupt
    j       exception
    j       exception                       # 5: supervisor timer interrupt
    j       exception
    j       timer_interrupt                 # 7: machine timer interrupt

    .include "console.inc"

    .section .rodata
tick:
    .asciz  "tick "
all_done:
    .asciz  "done\n"

    .bss
    .balign 16
    .zero   1024
stack_end:
    .zero   1024
trap_stack_end:
