##### rvc, norvc, push and pop
_start: addi a0, a0, 1
    .option push
    .option rvc
    addi a0, a0, 1
    .option push
    .option norvc
    addi a0, a0, 1
    lw a0, 4(a1)
    .option pop
    lw a0, 4(a1)
    .option pop
    addi a0, a0, 1
##### arch
_start: add a0, a0, a1
    .option arch, +c
    add a0, a0, a1
    .option arch, -c
    add a0, a0, a1
    .option arch, +c2p0, +zicsr
    add a0, a0, a1
    .option arch, rv32ima
    add a0, a0, a1
    .option arch, rv32imac_zicsr
    add a0, a0, a1
##### attribute without compressed instructions
    .attribute arch, "rv32i2p1_m2p0_a2p1"
_start: addi a0, a0, 1
    .align 4
    j _start
##### attributes by their numbers
    .attribute 4, 16
    .attribute 5, "rv32i2p0_m2p0_a2p0"
_start: addi a0, a0, 1
##### branches and jumps of every length
    .option rvc
_start: beqz a0, near
    bnez s1, far
    beqz t0, near
    beqz t0, very_far
    beqz a0, very_far
    bnez a0, very_far
    beq a0, zero, near
    beq zero, a0, near
    bne a0, a1, near
    bne s0, x0, very_far
    j near
    jal near
    jal zero, near
    c.j near
    c.jal near
    c.jal far
    c.beqz a0, near
    c.bnez a0, far
    c.beqz a0, very_far
near: .skip 1000
far: .skip 4000
very_far: j _start
    c.j very_far
    c.jal _start
    beqz a5, _start
    c.bnez a5, _start
##### at the ends of what they reach
    .option rvc
_start: nop
back: .skip 254
    beqz a0, back
    beqz a0, back
    .skip 1790
    j back
    j back
    j ahead
    j ahead
    .skip 2044
ahead: nop
    bnez a0, forth
    bnez a0, forth
    .skip 252
forth: nop
##### symbols of other sections and files, and weak ones
    .option rvc
    .weak weak
    .globl outer
_start: j cold
    beqz a0, cold
    j weak
    bnez a0, weak
    c.j other
    c.beqz a0, other
    jal other
    .word other - .
    .section .text.cold, "ax"
cold: j _start
    beqz a0, _start
weak: ret
#### file
    .globl other
    .option rvc
other: ret
##### what the sizes of compressed code decide
    .option rvc
_start: la a0, end
    lw a1, end
    call end
    tail end
1:  addi a0, a0, 1
    sw a0, 8(sp)
    sub a0, a0, t0
2:  .byte 2b - 1b
    .half end - _start
    .balign 2
middle: .space (middle - _start) & 12
    beqz a0, end
    .skip 300
    .org . + 10
end: nop
    .data
    .word end - _start, end
##### alignments
    .option rvc
_start: nop
    .align 2
    nop
    .align 1
    nop
    .align 3
    nop
    .option norvc
    nop
    .balign 16
    .option rvc
    nop
    .p2align 3, 0
    nop
    .balign 8, 0x13
    .option norelax
    nop
    .align 3
    nop
    .align 4, , 8
    nop
    .align 2
##### a section of code that ends in the middle of a word
    .option rvc
_start: nop
    .section .text.a, "ax"
    nop
    nop
    nop
    .section .text.b, "ax"
    .align 2
    nop
    .section .init, "ax"
    nop
##### other spellings of constants
    .option rvc
    K = 5
    Z = 0
_start: li a0, K
    li a0, (K)
    addi a0, a0, Z
    addi a1, a0, Z
    addi a0, a0, K * 2
    addi a0, a0, (K - 9)
    lw a0, K - 1(a0)
    lw a0, (4 * K - 20)(sp)
    lw a0, (sp)
    sw a0, (a1)
    slli a0, a0, K
    slli a0, a0, Z
    lui a0, K
    lui a0, %hi(0x1000)
    addi a0, a0, %lo(4)
    lw a0, %lo(4)(a0)
    li a0, %lo(5)
    li a0, 0xffffffff
    li a0, 0xffffffffffffffff
    la a0, 0xffffffff
    la a0, K
    li zero, 0x1000
    li zero, 5
    li sp, 0x1000
    li a0, 'a' - 'b'
##### pseudo-instructions of two
    .option rvc
_start: zext.b a0, a0
    li a0, 0x1f003
    li a0, 0x12345678
    not a0, a0
    neg a0, a0
    seqz a0, a0
    jr a0
    jr 4(a0)
    jr a0, 0
    jr (a0)
    jalr a0
    jalr ra, a0
    jalr zero, 0(ra)
    jalr a1, a0
    .nop
    unimp
    ebreak
    sbreak
    ret
    nop
    ADDI a0, a0, 1
##### other spellings of compressed instructions
    .option rvc
_start: c.nop
    c.nop 5
    c.addi x0, 5
    c.slli64 a0
    c.srli64 a0
    c.srai64 a0
    c.unimp
    c.lwsp a0, (sp)
    c.lw a0, (a1)
    c.li x0, 5
    c.lui x0, 1
    c.slli x0, 3
    c.mv x0, a0
    c.add x0, a0
    C.LI a0, 1
##### fields of compressed instructions
    .option rvc
_start: .insn cr C2, 8, a0, a1
    .insn cr 2, 9, t0, x0
    .insn ci C1, 2, a0, 31
    .insn ci C1, 2, a0, -32
    .insn ci C2, 0, a0, 1
    .insn ciw C0, 0, a0, 255
    .insn ciw C0, 1, s0, 4
    .insn css C2, 6, t0, 63
    .insn cl C0, 2, a0, 31(a1)
    .insn cl C0, 2, a5, 3(s0)
    .insn cs C0, 6, a0, 16(a1)
    .insn ca C1, 0x23, 3, a0, a1
    .insn ca C1, 0x3f, 0, s0, a5
    .insn cb C1, 6, a0, _start
    .insn cb C1, 7, s0, far
    .insn cb C1, 0, s0, _start
    .insn cj C1, 5, _start
    .insn cj C1, 1, far
    .insn cj C1, 0, _start
    .insn 0x4501
    .insn 2, 0x4501
    .insn 4, 0x00000513
    .insn 0
    .skip 300
far: nop
##### relocations of compressed instructions
    .option rvc
_start: .reloc ., R_RISCV_RVC_JUMP, 1f
    .half 0xa001
    .reloc ., R_RISCV_RVC_BRANCH, 1f + 4
    .half 0xc101
1:  nop
    nop
    nop
##### call frames
    .option rvc
    .cfi_sections .eh_frame, .debug_frame
_start:
    .cfi_startproc
    addi sp, sp, -16
    .cfi_def_cfa_offset 16
    sw ra, 12(sp)
    .cfi_offset ra, -4
    beqz a0, 1f
    .balign 64
    .cfi_remember_state
    .skip 300
1:  lw ra, 12(sp)
    .cfi_restore ra
    addi sp, sp, 16
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
