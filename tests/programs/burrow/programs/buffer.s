# buffer.s - producers and consumers with a bounded buffer, a mutex and two conditions: `buffer 3` of each.
#
# Every number from 1 to MANY times the producers is put in and taken out once: sum and count tell.
    .include "user.inc"

    .equ    MANY, 60                        # numbers that each producer makes
    .equ    ROOM, 4                         # numbers that the buffer holds
    .equ    MOST, 6

    .text
    .globl  main
main:
    enter   s0, s1, s2
    li      a1, 3
    call    number_argument
    mv      s0, a0
    li      t0, MOST
    bltu    t0, s0, 4f
    li      s1, 0
1:  beq     s1, s0, 2f
    la      a0, producer
    mv      a1, s1
    call    thread_create
    bltz    a0, 4f
    slli    t0, s1, 3
    la      t1, numbers
    add     s2, t0, t1
    sw      a0, 0(s2)
    la      a0, consumer
    call    thread_create
    bltz    a0, 4f
    sw      a0, 4(s2)
    addi    s1, s1, 1
    j       1b
2:  slli    s0, s0, 1
    li      s1, 0
    li      s2, 0
3:  beq     s1, s0, 5f
    slli    t0, s1, 2
    la      t1, numbers
    add     t0, t0, t1
    lw      a0, (t0)
    call    thread_join
    bnez    a0, 4f
    add     s2, s2, a1
    addi    s1, s1, 1
    j       3b
4:  say     "buffer: something is wrong\n"
    li      a0, 1
    leave   s0, s1, s2
5:  say     "buffer: sum "
    say_number s2
    say     "\n"
    li      a0, 0
    leave   s0, s1, s2

producer:                                   # a0: its index; puts MANY numbers in; its value is 0
    enter   s0, s1
    li      t0, MANY
    mul     s0, a0, t0
    add     s1, s0, t0
1:  addi    s0, s0, 1
    la      a0, lock
    call    mutex_lock
2:  lw      t0, used
    li      t1, ROOM
    bltu    t0, t1, 3f
    la      a0, not_full
    la      a1, lock
    call    condition_wait
    j       2b
3:  la      t1, used
    slli    t2, t0, 2
    addi    t0, t0, 1
    sw      t0, (t1)
    la      t1, slots
    add     t1, t1, t2
    sw      s0, (t1)
    la      a0, not_empty
    call    condition_signal
    la      a0, lock
    call    mutex_unlock
    bltu    s0, s1, 1b
    li      a0, 0
    leave   s0, s1

consumer:                                   # takes MANY numbers out; its value is their sum
    enter   s0, s1
    li      s0, MANY
    li      s1, 0
1:  la      a0, lock
    call    mutex_lock
2:  lw      t0, used
    bnez    t0, 3f
    la      a0, not_empty
    la      a1, lock
    call    condition_wait
    j       2b
3:  addi    t0, t0, -1
    la      t1, used
    sw      t0, (t1)
    slli    t2, t0, 2
    la      t1, slots
    add     t1, t1, t2
    lw      t0, (t1)
    add     s1, s1, t0
    la      a0, not_full
    call    condition_signal
    la      a0, lock
    call    mutex_unlock
    addi    s0, s0, -1
    bnez    s0, 1b
    mv      a0, s1
    leave   s0, s1

    .data
    .balign 4
lock:
    .word   0
not_full:
    .word   0
not_empty:
    .word   0
used:
    .word   0

    .bss
    .balign 4
slots:
    .zero   4 * ROOM
numbers:
    .zero   8 * MOST
