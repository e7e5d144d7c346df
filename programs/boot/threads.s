# threads.s - two threads on one hart: the timer takes the hart away from one and gives it to the other.
#
# What it shows
#   A thread is a set of registers and a stack.  The timer interrupt saves all registers of the running
#   thread in its record, picks the other record and loads all registers from there: `mret` then returns
#   to a place that a different interrupt had left.  Neither thread knows.
#   Both add to one counter, and a switch can come between any two instructions, so they use a lock
#   made of lr.w and sc.w.  A switch must also drop the reservation, or the other thread's lr.w might
#   be completed by an sc.w that never saw its value: the handler does an sc.w of its own for that.
#
# How to run it
#   trapline boot programs/boot/threads.s

    .include "board.inc"

    .equ    SLICE, 500                      # in ticks of 100 nanoseconds
    .equ    ROUNDS, 20000
    .equ    RECORD_SIZE, 128                # mepc, then x1 to x31

    .macro  for_all_registers instruction   # but x5: t0 holds the address of the record
    .irp    n, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24
    \instruction x\n, \n * 4(t0)
    .endr
    .irp    n, 25, 26, 27, 28, 29, 30, 31
    \instruction x\n, \n * 4(t0)
    .endr
    .endm

    .text
    .globl  _start
_start:
    bnez    a0, park
    li      t0, -1
    csrw    pmpaddr0, t0
    li      t0, PMP_NAPOT | PMP_R | PMP_W | PMP_X
    csrw    pmpcfg0, t0
    la      t0, trap
    csrw    mtvec, t0

    la      t0, first                       # a record with pc, sp and a0 is all that a thread needs
    la      t1, thread
    sw      t1, 0(t0)
    la      t1, first_stack_end
    sw      t1, 2 * 4(t0)
    la      t0, second
    la      t1, thread
    sw      t1, 0(t0)
    la      t1, second_stack_end
    sw      t1, 2 * 4(t0)

    call    set_alarm
    li      t0, INTERRUPT_MTI               # in U mode, interrupts for M are always on
    csrw    mie, t0
    la      t0, first
    csrw    mscratch, t0                    # mscratch: record of the running thread
    li      t0, STATUS_MPP
    csrc    mstatus, t0
    j       resume

# --- what both threads do, in U mode -----------------------------------------------------------------
thread:
    li      s0, ROUNDS
    la      s1, lock
    la      s2, counter
    li      s3, 1
1:  lr.w.aq t0, (s1)                        # take the lock
    bnez    t0, 1b
    sc.w    t0, s3, (s1)
    bnez    t0, 1b
    lw      t1, (s2)
    addi    t1, t1, 1
    sw      t1, (s2)
    amoswap.w.rl zero, zero, (s1)           # give it back
    addi    s0, s0, -1
    bnez    s0, 1b
    ecall                                   # this thread is through
2:  j       2b                              # wait to be interrupted

# --- M mode ------------------------------------------------------------------------------------------
trap:
    csrrw   t0, mscratch, t0                # t0: record; the thread's t0 is in mscratch now
    for_all_registers sw
    csrr    t1, mepc
    sw      t1, 0(t0)
    csrrw   t1, mscratch, t0
    sw      t1, 5 * 4(t0)                   # x5 is t0

    la      sp, machine_stack_end
    la      t1, scratch_word
    sc.w    zero, zero, (t1)                # drop the reservation
    csrr    t1, mcause
    bgez    t1, through                     # the top bit says interrupt
    la      t1, switches
    lw      t2, (t1)
    addi    t2, t2, 1
    sw      t2, (t1)
    la      t1, second                      # the other one of the two
    la      t2, first
    beq     t0, t2, 1f
    mv      t1, t2
1:  csrw    mscratch, t1
    call    set_alarm

# resume(): give the hart to the thread in mscratch
resume:
    csrr    t0, mscratch
    lw      t1, 0(t0)
    csrw    mepc, t1
    for_all_registers lw
    lw      t0, 5 * 4(t0)
    mret

# A thread is through.  Skip its ecall; the second time, look at the counter.
through:
    li      t2, CAUSE_ECALL_U
    li      a0, 1
    bne     t1, t2, finish
    lw      t1, 0(t0)
    addi    t1, t1, 4
    sw      t1, 0(t0)
    la      t1, threads_left
    lw      t2, (t1)
    addi    t2, t2, -1
    sw      t2, (t1)
    bnez    t2, resume

    la      a0, counted
    call    print_string
    lw      a0, counter
    call    print_unsigned
    call    print_newline
    la      a0, switched
    lw      t0, switches
    li      t1, 10
    bgeu    t0, t1, 1f
    la      a0, hardly_switched
1:  call    print_string
    lw      t0, counter
    li      t1, 2 * ROUNDS
    sub     a0, t0, t1
    snez    a0, a0
    call    finish

# set_alarm(): mtimecmp = mtime + SLICE; only the lower halves matter in the first minutes
set_alarm:
    li      t0, MTIME
    lw      t1, (t0)
    li      t0, MTIMECMP
    addi    t1, t1, SLICE
    sw      t1, 0(t0)
    sw      zero, 4(t0)
    ret

    .include "console.inc"

    .section .rodata
counted:
    .asciz  "two threads counted to "
switched:
    .asciz  "and were switched many times\n"
hardly_switched:
    .asciz  "and were hardly ever switched\n"

    .data
    .balign 4
lock:
    .word   0
counter:
    .word   0
switches:
    .word   0
threads_left:
    .word   2
scratch_word:
    .word   0

    .bss
    .balign 16
first:
    .zero   RECORD_SIZE
second:
    .zero   RECORD_SIZE
    .zero   256
first_stack_end:
    .zero   256
second_stack_end:
    .zero   1024
machine_stack_end:
