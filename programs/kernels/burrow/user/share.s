# share.s - two processes add to one word of shared memory under one mutex: `share 100`.
#
# The mutex is in the shared memory too; a futex is identified by its physical address, so it works between
# processes as between threads.  A message gives the other side the number of the region.
    .include "user.inc"

    .equ    LOCK, 0                         # offsets in the region
    .equ    SUM, 4

    .text
    .globl  main
main:
    enter   s0, s1, s2, s3
    lbu     t0, (a0)
    li      t1, 'o'                         # the other side is started as `share other`
    beq     t0, t1, other
    li      a1, 100
    call    number_argument
    mv      s0, a0                          # s0: rounds
    li      a0, 1
    call    share_create
    bltz    a0, 2f
    mv      s1, a1                          # s1: the memory
    mv      s3, a0                          # s3: the region
    la      a0, own_name
    la      a1, other_text
    call    spawn
    bltz    a0, 2f
    mv      s2, a0                          # s2: the other process
    mv      a1, s3
    mv      a2, s0
    call    send
    bnez    a0, 2f
    mv      s3, s0
    call    add_rounds
    mv      a0, s2
    li      a1, 0
    call    wait
    bne     a0, s2, 2f
    bnez    a1, 2f
    say     "share: the sum is "
    lw      a0, SUM(s1)
    call    print_number
    say     "\n"
    lw      t0, SUM(s1)
    slli    t1, s3, 1
    sub     a0, t0, t1
    snez    a0, a0
    leave   s0, s1, s2, s3
2:  say     "share: something is wrong\n"
    li      a0, 1
    leave   s0, s1, s2, s3

other:
    li      a0, -1
    call    receive
    bltz    a0, 2b
    mv      s0, a2
    mv      a0, a1
    call    share_attach
    bltz    a0, 2b
    mv      s1, a0
    call    add_rounds
    li      a0, 0
    leave   s0, s1, s2, s3

# add_rounds(s0: rounds, s1: the memory): add 1 that often.
add_rounds:
    enter   s0
1:  beqz    s0, 2f
    addi    a0, s1, LOCK
    call    mutex_lock
    lw      t0, SUM(s1)
    addi    t0, t0, 1
    sw      t0, SUM(s1)
    addi    a0, s1, LOCK
    call    mutex_unlock
    addi    s0, s0, -1
    j       1b
2:  leave   s0

    .section .rodata
own_name:
    .asciz  "share"
other_text:
    .asciz  "other"
