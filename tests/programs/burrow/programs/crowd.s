# crowd.s - threads in every state, and then the end of all of them, as the argument says:
# exit, wild, spin (to be killed), last (the last thread ends the process).
    .include "user.inc"

    .text
    .globl  main
main:
    enter   s0, s1
    lbu     s0, (a0)
    la      s1, jobs
1:  lw      a0, 0(s1)
    beqz    a0, 2f
    lw      a1, 4(s1)
    call    thread_create
    bltz    a0, wrong
    addi    s1, s1, 8
    j       1b
2:  li      a0, 8                           # heap and shared memory, too
    call    share_create
    bltz    a0, wrong
    li      a0, 100000
    call    allocate
    beqz    a0, wrong
    la      a0, hello_name
    la      a1, nothing
    call    spawn
    bltz    a0, wrong
    li      a0, 3000
    call    sleep
    li      t0, 'w'
    beq     s0, t0, wild_store
    li      t0, 's'
    beq     s0, t0, spinner
    li      t0, 'l'
    li      a0, 7
    beq     s0, t0, 3f
    call    exit
3:  la      t0, quiet                       # the sleepers see it and go
    li      t1, 1
    sw      t1, (t0)
    la      a0, word
    li      a1, 100
    call    futex_wake
    li      a0, 9
    call    thread_exit
wild_store:
    li      t0, 12
    sw      t0, (t0)
wrong:
    say     "crowd: something is wrong\n"
    li      a0, 1
    leave   s0, s1

spinner:
    lw      t0, quiet
    beqz    t0, spinner
    ret
yielder:
    enter
1:  call    yield
    lw      t0, quiet
    beqz    t0, 1b
    leave
sleeper:
    enter   s0
    mv      s0, a0
1:  mv      a0, s0
    call    sleep
    lw      t0, quiet
    beqz    t0, 1b
    leave   s0
waiter:
    enter
1:  la      a0, word
    li      a1, 0
    call    futex_wait
    lw      t0, quiet
    beqz    t0, 1b
    leave
joiner:                                     # of the first thread, which spins
    enter
    li      a0, 2
    call    thread_join
    leave
gone:
    ret

    .section .rodata
    .balign 4
jobs:                                       # function, argument
    .word   spinner, 0, spinner, 0, yielder, 0, sleeper, 700, sleeper, 9000, waiter, 0, waiter, 0, joiner, 0, gone, 0
    .word   0
hello_name:
    .asciz  "hello"
nothing:
    .asciz  ""

    .data
    .balign 4
word:
    .word   0
quiet:
    .word   0
