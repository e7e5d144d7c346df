# bombs.s - takes all that it can get of something: `bombs pages`, or processes, threads, regions or transfers.
#
# It prints how much that was, and keeps it until it is killed.
    .include "user.inc"

    .equ    PAGE, 4096
    .equ    LONG, 1 << 30

    .text
    .globl  main
main:
    enter   s0, s1
    call    take_word
    li      s0, 0                           # s0: how much so far
    lbu     t0, (a0)
    li      t1, 'w'                         # a child of it: `bombs wait`
    beq     t0, t1, wait_forever
    lbu     t1, 1(a0)
    li      t2, 'a'
    beq     t1, t2, pages
    li      t2, 'h'
    beq     t1, t2, threads
    li      t2, 'e'
    beq     t1, t2, regions
    li      t2, 'r'
    bne     t1, t2, wrong
    li      t2, 't'
    beq     t0, t2, transfers
processes:
    la      a0, own_name
    la      a1, own_argument
    call    spawn
    bltz    a0, done
    addi    s0, s0, 1
    j       processes
pages:
    li      a0, PAGE
    call    sbrk
    bltz    a0, done
    addi    s0, s0, 1
    j       pages
threads:
    la      a0, wait_forever
    li      a1, 0
    call    thread_create
    bltz    a0, done
    addi    s0, s0, 1
    j       threads
regions:
    li      a0, 1
    call    share_create
    bltz    a0, done
    addi    s0, s0, 1
    j       regions
transfers:
    li      a0, LONG
    la      a1, word
    call    disk
    bltz    a0, done
    addi    s0, s0, 1
    j       transfers
done:
    li      t0, ERROR_MEMORY
    bne     a0, t0, wrong
    say_number s0
    say     " more\n"
wait_forever:
    li      a0, LONG
    call    sleep
    j       wait_forever
wrong:
    say     "bombs: not refused as it should be\n"
    li      a0, 1
    leave   s0, s1

    .section .rodata
own_name:
    .asciz  "bombs"
own_argument:
    .asciz  "wait"

    .data
    .balign 4
word:
    .word   0
