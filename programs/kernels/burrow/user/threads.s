# threads.s - threads add to one counter under a mutex, and wait for each other: `threads 4`.
    .include "user.inc"

    .equ    ROUNDS, 200
    .equ    MOST, 8

    .text
    .globl  main
main:
    enter   s0, s1, s2
    li      a1, 4
    call    number_argument
    mv      s0, a0                          # s0: threads
    li      t0, MOST
    bltu    t0, s0, 3f
    li      s1, 0
1:  beq     s1, s0, 2f
    la      a0, worker
    mv      a1, s1
    call    thread_create
    bltz    a0, 3f
    slli    t0, s1, 2
    la      t1, numbers
    add     t0, t0, t1
    sw      a0, (t0)
    addi    s1, s1, 1
    j       1b
2:  la      a0, gate_lock                   # open the gate: all of them start now
    call    mutex_lock
    li      t0, 1
    la      t1, gate_open
    sw      t0, (t1)
    la      a0, gate
    call    condition_broadcast
    la      a0, gate_lock
    call    mutex_unlock
    li      s1, 0
    li      s2, 0                           # s2: sum of their values
4:  beq     s1, s0, 5f
    slli    t0, s1, 2
    la      t1, numbers
    add     t0, t0, t1
    lw      a0, (t0)
    call    thread_join
    add     s2, s2, a1
    addi    s1, s1, 1
    j       4b
5:  say_number s0
    say     " threads counted to "
    lw      a0, counter
    call    print_number
    say     ", their values add up to "
    say_number s2
    say     "\n"
    lw      t0, counter
    li      t1, ROUNDS
    mul     t1, t1, s0
    sub     a0, t0, t1
    snez    a0, a0
    leave   s0, s1, s2
3:  say     "threads: too many\n"
    li      a0, 1
    leave   s0, s1, s2

# worker(a0: its index): wait for the gate, then count; its value is its index.
worker:
    enter   s0, s1
    mv      s0, a0
    la      a0, gate_lock
    call    mutex_lock
1:  lw      t0, gate_open
    bnez    t0, 2f
    la      a0, gate
    la      a1, gate_lock
    call    condition_wait
    j       1b
2:  la      a0, gate_lock
    call    mutex_unlock
    li      s1, ROUNDS
3:  la      a0, lock
    call    mutex_lock
    la      t0, counter
    lw      t1, (t0)
    addi    t1, t1, 1
    sw      t1, (t0)
    la      a0, lock
    call    mutex_unlock
    addi    s1, s1, -1
    bnez    s1, 3b
    mv      a0, s0
    leave   s0, s1

    .data
    .balign 4
lock:
    .word   0
counter:
    .word   0
gate_lock:
    .word   0
gate:
    .word   0
gate_open:
    .word   0

    .bss
    .balign 4
numbers:
    .zero   4 * MOST
