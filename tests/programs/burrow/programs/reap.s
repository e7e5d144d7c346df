# reap.s - start a program, wait for its end, and see whether everything is given back: `reap NAME ARGUMENTS`.
#
# A program that has not ended after 12 looks, 300 microseconds apart, is killed, and after 100 more, 1 millisecond apart,
# every process that is still there.
    .include "user.inc"

    .equ    HALF, 100                       # of the looks after the program has ended

    .text
    .globl  main
main:
    enter   s0, s1, s2, s3
    call    take_word
    mv      s0, a0                          # s0: name, s1: arguments
    mv      s1, a1
    la      a0, before
    li      a1, STATS
    call    stats
    mv      a0, s0
    mv      a1, s1
    call    spawn
    bltz    a0, failed
    mv      s1, a0                          # s1: the process
    li      s2, 12                          # s2: looks
1:  li      a0, 3000
    call    sleep
    mv      a0, s1
    li      a1, 1
    call    wait
    bnez    a0, 2f
    addi    s2, s2, -1
    bnez    s2, 1b
    mv      a0, s1
    call    kill
    mv      a0, s1
    li      a1, 0
    call    wait
2:  bne     a0, s1, failed
    mv      s3, a1                          # s3: its status
    li      s2, 2 * HALF                    # processes that it has made may live on for a while
3:  la      a0, after
    li      a1, STATS
    call    stats
    lw      t0, after + 4 * STAT_SPAWN
    lw      t1, after + 4 * STAT_REAP
    sub     t0, t0, t1
    li      t1, 1
    beq     t0, t1, 4f
    li      t0, HALF
    bne     s2, t0, 6f
    li      s1, 2                           # what still lives may wait for ever
5:  mv      a0, s1
    call    kill
    addi    s1, s1, 1
    lw      t0, after + 4 * STAT_SPAWN
    bgeu    t0, s1, 5b
6:  li      a0, 10000
    call    sleep
    addi    s2, s2, -1
    bnez    s2, 3b
4:  mv      a0, s0
    call    print
    say     ": status "
    say_number s3
    lw      s0, before + 4 * STAT_FREE_PAGES
    lw      t0, after + 4 * STAT_FREE_PAGES
    sub     s0, s0, t0
    lw      s1, after + 4 * STAT_THREADS
    addi    s1, s1, -1
    lw      s2, after + 4 * STAT_SPAWN
    lw      t0, after + 4 * STAT_REAP
    sub     s2, s2, t0
    addi    s2, s2, -1
    say     ", left behind: "
    say_number s0
    say     " pages, "
    say_number s1
    say     " threads, "
    say_number s2
    say     " processes\n"
    or      a0, s0, s1
    or      a0, a0, s2
    snez    a0, a0
    leave   s0, s1, s2, s3
failed:
    say     "reap: no such process\n"
    li      a0, 2
    leave   s0, s1, s2, s3

    .bss
    .balign 4
before:
    .zero   4 * STATS
after:
    .zero   4 * STATS
