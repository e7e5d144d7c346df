# pingpong.s - two processes send a number back and forth, adding one each time: `pingpong 100`.
    .include "user.inc"
    .text
    .globl  main
main:
    enter   s0, s1, s2
    lbu     t0, (a0)
    li      t1, 'p'                         # the other side is started as `pingpong pong`
    beq     t0, t1, pong
    li      a1, 100
    call    number_argument
    mv      s0, a0                          # s0: rounds
    la      a0, own_name
    la      a1, pong_text
    call    spawn
    bltz    a0, 3f
    mv      s1, a0                          # s1: the other process
    li      s2, 0                           # s2: the number
1:  beqz    s0, 2f
    mv      a0, s1
    mv      a1, s2
    li      a2, 1                           # go on
    call    send
    bnez    a0, 3f
    mv      a0, s1
    call    receive
    bne     a0, s1, 3f
    mv      s2, a1
    addi    s0, s0, -1
    j       1b
2:  mv      a0, s1                          # no more
    li      a2, 0
    call    send
    mv      a0, s1
    li      a1, 0
    call    wait
    bne     a0, s1, 3f
    bnez    a1, 3f
    say_number s2
    say     " messages came back\n"
    li      a0, 0
    leave   s0, s1, s2
3:  say     "pingpong: a message is lost\n"
    li      a0, 1
    leave   s0, s1, s2

pong:
    li      a0, -1
    call    receive
    bltz    a0, 3b
    beqz    a2, 4f
    addi    a1, a1, 1
    call    send
    j       pong
4:  li      a0, 0
    leave   s0, s1, s2

    .section .rodata
own_name:
    .asciz  "pingpong"
pong_text:
    .asciz  "pong"
