# chaos.s - system calls with numbers from a generator: `chaos SEED`.  Whatever it asks, the kernel goes on.
#
# Left out are those that end the machine or wait for a person: poweroff, read, and kill of the first process.
    .include "user.inc"

    .equ    ROUNDS, 300
    .equ    ARGUMENTS, 24                   # in the table

    .text
    .globl  main
main:
    li      a1, 1
    call    number_argument
    mv      s0, a0
    la      a0, another                     # one that goes on when the other one waits for ever
    addi    a1, s0, 1000
    call    thread_create
    mv      a0, s0
    call    another
    li      a0, 0
    call    exit

another:                                    # a0: any number
    enter   s0, s1, s2, s3, s4, s5, s6
    slli    s0, a0, 8
    addi    s0, s0, 77                      # s0: state of the generator
    li      s1, ROUNDS
1:  call    random
    li      t0, CALLS + 2
    remu    s2, a0, t0                      # s2: the call
    beqz    s2, 1b                          # exit comes at the end
    li      t0, CALL_POWEROFF
    beq     s2, t0, 1b
    li      t0, CALL_READ
    beq     s2, t0, 1b
    li      t0, CALL_THREAD_EXIT
    beq     s2, t0, 1b
    call    argument
    mv      s3, a0
    call    argument
    mv      s4, a0
    call    argument
    mv      s5, a0
    call    argument
    mv      s6, a0
    li      t0, CALL_KILL
    bne     s2, t0, 2f
    li      t0, 1
    beq     s3, t0, 1b
2:  li      t0, CALL_SLEEP
    bne     s2, t0, 3f
    andi    s3, s3, 255
3:  li      t0, CALL_WAIT
    bne     s2, t0, 4f
    li      s4, 1
4:  li      t0, CALL_THREAD_CREATE
    bne     s2, t0, 5f
    la      s3, another                     # a place that is no code would end it all
5:  mv      a0, s3
    mv      a1, s4
    mv      a2, s5
    mv      a3, s6
    mv      a7, s2
    ecall
    addi    s1, s1, -1
    bnez    s1, 1b
    leave   s0, s1, s2, s3, s4, s5, s6

# argument(): one of the table, or a small number.
argument:
    enter
    call    random
    andi    t0, a0, 31
    srli    a0, a0, 5
    li      t1, ARGUMENTS
    bgeu    t0, t1, 1f
    slli    t0, t0, 2
    la      t1, arguments
    add     t0, t0, t1
    lw      a0, (t0)
    leave
1:  andi    a0, a0, 63
    leave

# random(): xorshift
random:
    slli    t0, s0, 13
    xor     s0, s0, t0
    srli    t0, s0, 17
    xor     s0, s0, t0
    slli    t0, s0, 5
    xor     s0, s0, t0
    mv      a0, s0
    ret

    .section .rodata
    .balign 4
arguments:
    .word   0, -1, 1, 4096, 0x7fffffff, 0x80000000, 0x10000000, 0xfffffffc
    .word   0x40000000, 0x403ffffc, 0x40400000, 0x40410000, 0x40800000, 0x4080fffc, 0x40bffffc, 0x40c00000
    .word   data, data + 2, data + 4090, main, another, another, hello, none
hello:
    .asciz  "hello"
none:
    .asciz  ""

    .data
    .balign 4
data:
    .word   0
    .zero   4096
