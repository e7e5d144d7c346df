# errors.s - calls that cannot be served: the answer says why, and nothing else happens.
    .include "user.inc"

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
    enter   s0, s1
    li      s0, 0
    li      a7, CALLS                       # there is no such call
    ecall
    li      t0, ERROR_INVALID
    bne     a0, t0, wrong
    li      a7, -1
    ecall
    bne     a0, t0, wrong

    la      a0, unknown                     # 1
    la      a1, empty
    refused spawn, ERROR_MISSING
    la      a0, text_file
    la      a1, empty
    refused spawn, ERROR_INVALID
    li      a0, 0
    la      a1, empty
    refused spawn, ERROR_ADDRESS
    la      a0, hello
    li      a1, 0x80000000
    refused spawn, ERROR_ADDRESS
    la      a0, long                        # 5
    la      a1, empty
    refused spawn, ERROR_INVALID
    la      a0, hello
    la      a1, long
    refused spawn, ERROR_INVALID
    li      a0, -1
    refused wait, ERROR_MISSING
    li      a0, 1
    refused wait, ERROR_MISSING
    li      a0, 99
    refused kill, ERROR_MISSING
    li      a0, 0                           # 10: the kernel is no process
    refused kill, ERROR_MISSING
    li      a0, -1
    refused sbrk, ERROR_INVALID
    li      a0, 0x7fffffff
    refused sbrk, ERROR_MEMORY
    li      a0, 0x3fffff
    refused sbrk, ERROR_MEMORY
    li      a0, 32
    refused ps, ERROR_MISSING
    li      a0, 0                           # 15
    li      a1, 0x10000000
    refused ps, ERROR_ADDRESS
    li      a0, 0
    la      a1, main                        # code cannot be written
    refused ps, ERROR_ADDRESS
    li      a0, 0x10000000
    li      a1, 1
    refused write, ERROR_ADDRESS
    li      a0, 0x80000000
    li      a1, 100
    refused write, ERROR_ADDRESS
    la      a0, empty
    li      a1, 0
    refused write, 0
    la      a0, main                        # 20
    li      a1, 1
    refused read, ERROR_ADDRESS
    la      a0, data
    li      a1, 0
    refused read, 0
    la      a0, data
    li      a1, 0x1000000
    refused read, ERROR_ADDRESS
    la      a0, unknown
    refused open, ERROR_MISSING
    li      a0, -1
    li      a1, 0
    la      a2, data
    li      a3, 4
    refused read_file, ERROR_MISSING
    li      a0, 0                           # 25
    li      a1, -1
    la      a2, data
    li      a3, 4
    refused read_file, ERROR_INVALID
    li      a0, 0
    li      a1, 0
    li      a2, 0
    li      a3, 4
    refused read_file, ERROR_ADDRESS
    li      a0, 1000
    la      a1, data
    refused list, ERROR_MISSING
    call    getpid
    mv      a0, a1
    refused thread_join, ERROR_INVALID
    li      a0, 63
    refused thread_join, ERROR_MISSING
    li      a0, -5                          # 30
    refused thread_join, ERROR_MISSING
    la      a0, data
    li      a1, 1
    refused futex_wait, ERROR_AGAIN
    la      a0, data + 2
    li      a1, 0
    refused futex_wait, ERROR_ADDRESS
    la      a0, main
    li      a1, 0
    refused futex_wait, ERROR_ADDRESS
    la      a0, data
    li      a1, 1
    refused futex_wake, 0
    li      a0, 99                          # 35
    refused send, ERROR_MISSING
    li      a0, 99
    refused receive, ERROR_MISSING
    li      a0, 0
    refused share_create, ERROR_INVALID
    li      a0, 17
    refused share_create, ERROR_INVALID
    li      a0, 0
    refused share_attach, ERROR_MISSING
    li      a0, -1                          # 40
    refused share_attach, ERROR_MISSING
    li      a0, 0
    li      a1, 1
    refused stats, ERROR_ADDRESS

    li      s1, 0                           # at most 8 regions, 16 threads
1:  li      a0, 1
    call    share_create
    bltz    a0, 2f
    addi    s1, s1, 1
    j       1b
2:  li      t0, ERROR_MEMORY
    bne     a0, t0, wrong
    li      t0, 8
    bne     s1, t0, wrong
    li      s1, 1
3:  la      a0, blocked
    call    thread_create
    bltz    a0, 4f
    addi    s1, s1, 1
    j       3b
4:  li      t0, ERROR_MEMORY
    bne     a0, t0, wrong
    li      t0, 16
    bne     s1, t0, wrong

    la      a0, hello                       # who sends to a process that ends without receiving is told so
    la      a1, empty
    call    spawn
    mv      s1, a0
    refused send, ERROR_MISSING
    mv      a0, s1
    li      a1, 0
    call    wait
    bne     a0, s1, wrong
    la      a0, hello
    la      a1, empty
    call    spawn
    mv      s1, a0
    refused receive, ERROR_MISSING
    mv      a0, s1
    li      a1, 0
    call    wait
    bne     a0, s1, wrong
    say_number s0
    say     " calls were refused\n"
    li      a0, 0
    call    exit
wrong:
    say     "errors: wrong answer after "
    say_number s0
    say     " calls\n"
    li      a0, 1
    call    exit

blocked:
    la      a0, data
    li      a1, 0
    call    futex_wait
    ret

    .section .rodata
unknown:
    .asciz  "unknown"
text_file:
    .asciz  "readme.txt"
hello:
    .asciz  "hello"
empty:
    .asciz  ""
long:
    .fill   200, 1, 'x'
    .byte   0

    .data
    .balign 4
data:
    .word   0
