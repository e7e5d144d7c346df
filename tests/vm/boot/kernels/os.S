# os.S - switching stacks, the way into the kernel and out of it, the user program.

        .text
        .globl  entry, program, program_end, switch_stacks, user_entry

# switch_stacks(a0: where to leave sp, a1: where the other sp is)
switch_stacks:
        addi    sp, sp, -52
        sw      ra, 0(sp)
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
        sw      s\n, 4 * (\n + 1)(sp)
        .endr
        sw      sp, (a0)
        lw      sp, (a1)
        lw      ra, 0(sp)
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
        lw      s\n, 4 * (\n + 1)(sp)
        .endr
        addi    sp, sp, 52
        ret
user_entry:
        li      t0, 0x1000000
        csrw    sepc, t0
        li      t0, 0x40020
        csrw    sstatus, t0
        sret
        .balign 4
entry:  csrrw   sp, sscratch, sp
        addi    sp, sp, -128
        .irp    n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
        sw      x\n, 4 * \n(sp)
        .endr
        .irp    n, 28, 29, 30, 31
        sw      x\n, 4 * \n(sp)
        .endr
        csrr    t0, sscratch
        sw      t0, 8(sp)
        addi    t0, sp, 128
        csrw    sscratch, t0
        mv      a0, sp
        call    trap
        .irp    n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
        lw      x\n, 4 * \n(sp)
        .endr
        .irp    n, 28, 29, 30, 31
        lw      x\n, 4 * \n(sp)
        .endr
        lw      sp, 8(sp)
        sret
        .section .rodata
        .balign 4

# Says hello, copies a line, reads the file and prints it, asks for another turn, writes the file, ends
program:
        li      sp, 0x1003000
        la      s0, hello
3:      lbu     a0, (s0)
        beqz    a0, 4f
        li      a7, 1
        ecall
        addi    s0, s0, 1
        j       3b
4:      li      a7, 2
        ecall
        bltz    a0, 4b
        li      t0, 10
        beq     a0, t0, 5f
        li      a7, 1
        ecall
        j       4b
5:      li      a7, 4
        addi    a0, sp, -512
        ecall
        mv      a1, a0
        addi    s0, sp, -512
        add     s1, s0, a0
6:      lbu     a0, (s0)
        beqz    a0, 7f
        li      a7, 1
        ecall
        addi    s0, s0, 1
        bltu    s0, s1, 6b
7:      li      a7, 6
        ecall
        li      a7, 5
        addi    a0, sp, -512
        li      t0, 'W'
        sb      t0, (a0)
        ecall
        li      a7, 3
        ecall
hello:  .asciz  "shell> "
        .balign 4
program_end:
