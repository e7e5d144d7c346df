"""Guests that run in regions: calls and returns, jumps by a table, loads and stores, addresses that are not aligned."""

GUESTS = {
    "calls": """
_start: la s0, data
        li s1, 200
loop:   mv a0, s1
        call twice
        mv s2, a0
        call twice
        add s3, s3, a0
        jal t0, near
        andi t1, s1, 3
        bnez t1, 2f
        la t2, other
        jr t2
2:      andi t1, s1, 15
        bnez t1, 3f
        la t2, far
        jalr t2
3:      addi s1, s1, -1
        li t1, 60
        bne s1, t1, 4f
        la t2, late
        jr t2
4:      bnez s1, loop
        j _start
near:   addi s4, s4, 1
        jr t0
twice:  add a0, a0, a0
        ret
        .balign 8
late:   addi s7, s7, 5
        csrr t3, mscratch
        j 4b
        .balign 8
other:  addi s5, s5, 3
        csrr t3, mscratch
        j 2b
        .balign 4096
far:    addi s6, s6, 1
        ret
data:   .word 0
""",
    "table": """
_start: la s0, table
        li s1, 12345
1:      slli t0, s1, 2
        andi t0, t0, 28
        add t0, t0, s0
        lw t0, 0(t0)
        jr t0
first:  addi s2, s2, 1
        j 2f
second: add s3, s3, s1
        j 2f
third:  xor s4, s4, s1
        beqz s4, 2f
fourth: addi s5, s5, 3
        lw s6, 12(s0)
2:      slli t1, s1, 13
        xor s1, s1, t1
        srli t1, s1, 17
        xor s1, s1, t1
        slli t1, s1, 5
        xor s1, s1, t1
        j 1b
table:  .word first, second, third, fourth, first, fourth, second, far
        .balign 4096
far:    addi s7, s7, 1
        j 2b
""",
    "accesses": """
_start: la s0, data
        la s1, data + 3 * 4096 - 8
        li s4, -1
1:      lw t0, 0(s0)
        lhu t1, 8(s0)
        lb t5, 11(s0)
        add t0, t0, t1
        xor t0, t0, t5
        sw t0, 4(s0)
        lw t4, 4(s1)
        addi s0, s0, 12
        sb t0, 3(s0)
        lbu t2, 3(s0)
        lw s5, 8(s0)
        addi t0, t0, 91
        lw a0, -8(s1)
        la a0, data
        lw a1, 16(a0)
        sw a1, 24(s1)
        la t3, data
        slli t2, t2, 4
        add t3, t3, t2
        lw a2, 0(t3)
        add s6, s6, a2
        add s6, s6, a1
        sw s6, 32(t3)
        addi s1, s1, -4
        addi s2, s2, 1
        andi a3, s2, 255
        bnez a3, 1b
        j _start
        .balign 4096
data:   .space 6 * 4096, 0x35
""",
    "misaligned": """
_start: la s0, data
        la t6, trap
        csrw mtvec, t6
1:      lw t0, 0(s0)
        lhu t1, 4(s0)
        add s1, s1, t0
        add s1, s1, t1
        sh s1, 6(s0)
        addi s2, s2, 1
        andi t2, s2, 15
        bnez t2, 1b
        la t4, data + 2
        jr t4
        addi s0, s0, 1
        andi t2, s2, 255
        bnez t2, 1b
        j _start
        .balign 4
trap:   csrr t6, mepc
        addi t6, t6, 4
        csrw mepc, t6
        addi s3, s3, 1
        mret
        .balign 4096
data:   .space 4096, 0x73
""",
}  # fmt: skip
