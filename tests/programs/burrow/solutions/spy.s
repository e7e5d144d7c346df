# spy.s - looks for what belongs to others.  It says what it has found; `isolated` if that is nothing.
#
# It tries three ways: an address of the kernel in a system call, registers that an earlier thread has left
# behind, and memory that another process has given back.
    .include "user.inc"

    .equ    SECRET, 0x5ec2e7
    .equ    KERNEL, 0x80000000
    .equ    BYTES, 0x4000

    .text
    .globl  main
main:
    bnez    a1, secretive
    enter   s0, s1
    li      s1, 0                           # s1: leaks

    li      a0, KERNEL                      # 1: as the buffer of a call
    la      t0, buffer
    li      a1, 4
    call    write
    li      t0, ERROR_ADDRESS
    beq     a0, t0, 1f
    say     "\nthe kernel's memory\n"
    addi    s1, s1, 1

1:  la      a0, own_name                    # 2: registers
    la      a1, argument
    call    spawn
    li      a1, 0
    call    wait
    la      a0, look
    li      a1, 0
    call    thread_create
    call    thread_join
    beqz    a1, 2f
    say     "registers of another process\n"
    addi    s1, s1, 1

2:  la      a0, own_name                    # 3: memory
    la      a1, argument
    call    spawn
    li      a1, 0
    call    wait
    li      a0, BYTES
    call    sbrk
    li      t0, BYTES / 4
    li      s3, 0
3:  lw      t1, (a0)
    or      s3, s3, t1
    addi    a0, a0, 4
    addi    t0, t0, -1
    bnez    t0, 3b
    beqz    s3, 4f
    say     "memory of another process\n"
    addi    s1, s1, 1

4:  bnez    s1, 5f
    say     "isolated\n"
5:  mv      a0, s1
    leave   s0, s1

look:                                       # a thread that tells what is in a register that nobody has set
    mv      a0, s11
    ret

secretive:                                  # the other process
    li      a0, BYTES
    call    sbrk
    li      s11, SECRET
    li      t0, BYTES / 4
1:  sw      s11, (a0)
    addi    a0, a0, 4
    addi    t0, t0, -1
    bnez    t0, 1b
    li      a0, 0
    call    exit

    .section .rodata
own_name:
    .asciz  "spy"
argument:
    .asciz  "secretive"

    .data
    .balign 4
buffer:
    .word   0
