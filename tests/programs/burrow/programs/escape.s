# escape.s - what a program of a container may try to reach others: each attempt must be refused as it should be.
#
# It expects a `keeper` of the host and one of another container.
    .include "user.inc"

    .equ    MOST_REGIONS, 8
    .equ    MOST_PROCESSES, 32
    .equ    MOST_THREADS, 64
    .equ    NUMBERS, 100                    # processes that the host may have had so far
    .equ    RAM, 0x80000000

# refused name, error: the call, with a0 to a3 as they are, must answer this.  s0 counts them.
    .macro  refused name, error
    call    \name
    li      t0, \error
    addi    s0, s0, 1
    bne     a0, t0, wrong
    .endm

    .text
    .globl  main
main:
    enter   s0, s1, s2
    li      s0, 0
    call    getpid                          # it is the first one
    li      t0, 1
    bne     a0, t0, wrong

    li      s1, 2                           # signals to, and messages and ends of, processes outside
1:  mv      a0, s1
    refused kill, ERROR_MISSING
    mv      a0, s1
    refused send, ERROR_MISSING
    mv      a0, s1
    refused receive, ERROR_MISSING
    mv      a0, s1
    li      a1, 1
    refused wait, ERROR_MISSING
    addi    s1, s1, 1
    li      t0, NUMBERS
    bltu    s1, t0, 1b
    li      a0, 0
    refused kill, ERROR_MISSING
    li      a0, 0x10001
    refused kill, ERROR_MISSING

    li      s1, 0                           # ps shows one process: this one, without a parent
    li      s2, 0
2:  mv      a0, s1
    la      a1, info
    call    ps
    bltz    a0, wrong
    add     s2, s2, a0
    addi    s1, s1, 1
    li      t0, MOST_PROCESSES
    bltu    s1, t0, 2b
    li      t0, 1
    bne     s2, t0, wrong
    lw      t0, info + INFO_PARENT
    bnez    t0, wrong
    lw      t0, info + INFO_CONTAINER
    bnez    t0, wrong

    li      a0, 7                           # calls of the host
    refused poweroff, ERROR_FORBIDDEN
    la      a0, info
    li      a1, 1
    refused stats, ERROR_FORBIDDEN
    la      a0, box
    la      a1, nothing
    li      a2, 0
    refused container_create, ERROR_FORBIDDEN
    li      a0, 1
    la      a1, hello
    la      a2, nothing
    refused container_enter, ERROR_FORBIDDEN
    li      a0, 0
    la      a1, info
    refused container_info, ERROR_FORBIDDEN
    li      a0, 0
    la      a1, info
    refused image_info, ERROR_FORBIDDEN
    li      a7, CALLS                       # behind the end of its table is that of another container
    ecall
    li      t0, ERROR_INVALID
    bne     a0, t0, wrong
    li      a7, -1
    ecall
    bne     a0, t0, wrong

    li      s1, 0                           # shared memory of others
3:  mv      a0, s1
    refused share_attach, ERROR_MISSING
    addi    s1, s1, 1
    li      t0, MOST_REGIONS
    bltu    s1, t0, 3b
    li      a0, -1
    refused share_attach, ERROR_MISSING

    li      s1, 0                           # threads of others
4:  mv      a0, s1
    li      t0, ERROR_INVALID               # itself
    call    thread_join
    addi    t0, a0, -ERROR_INVALID
    beqz    t0, 5f
    addi    t0, a0, -ERROR_MISSING
    bnez    t0, wrong
5:  addi    s1, s1, 1
    li      t0, MOST_THREADS
    bltu    s1, t0, 4b

    li      s1, RAM                         # memory of the kernel, and so of everybody
6:  mv      a0, s1
    li      a1, 4
    refused write, ERROR_ADDRESS
    mv      a0, s1
    refused open, ERROR_ADDRESS
    mv      a0, s1
    li      a1, 0
    refused futex_wait, ERROR_ADDRESS
    mv      a1, s1
    li      a0, 1
    refused disk, ERROR_ADDRESS
    la      a0, hello
    mv      a1, s1
    refused spawn, ERROR_ADDRESS
    mv      a1, s1
    li      a0, 0
    refused list, ERROR_ADDRESS
    li      t0, 0x40000
    add     s1, s1, t0
    li      t0, RAM + 0x800000
    bltu    s1, t0, 6b

    li      a0, 1                           # Ctrl-C and what is typed are not its to give
    refused foreground, 0

    mv      a0, s0
    call    print_number
    say     " attempts were refused\n"
    li      a0, 0
    leave   s0, s1, s2
wrong:
    say     "escape: attempt "
    say_number s0
    say     " was not refused as it should be\n"
    li      a0, 1
    leave   s0, s1, s2

    .section .rodata
box:
    .asciz  "box"
hello:
    .asciz  "hello"
nothing:
    .asciz  ""

    .bss
    .balign 4
info:
    .zero   IMAGE_SIZE
