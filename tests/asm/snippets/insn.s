##### R, I, S, B, U, J
_start: .insn r 0x33, 0, 0, a0, a1, a2
    .insn i 0x13, 0, a0, a1, 5
    .insn i 0x03, 2, a0, 4(a1)
    .insn s 0x23, 2, a0, 4(a1)
    .insn b 0x63, 0, a0, a1, _start
    .insn sb 0x63, 1, a0, a1, _start
    .insn u 0x37, a0, 0x12345
    .insn j 0x6f, a0, _start
    .insn uj 0x6f, ra, _start
    .insn r4 0x43, 0, 0, a0, a1, a2, a3
    .insn 0x00000013
    .insn 4, 0x00000013
##### opcode names
_start: .insn r OP, 0, 0, a0, a1, a2
    .insn i OP_IMM, 0, a0, a1, -1
    .insn i LOAD, 2, a0, 4(a1)
    .insn s STORE, 2, a0, 4(a1)
    .insn b BRANCH, 0, a0, a1, _start
    .insn u LUI, a0, 0xfffff
    .insn u AUIPC, a0, 1
    .insn j JAL, a0, _start
    .insn i JALR, 0, zero, 0(ra)
    .insn r CUSTOM_0, 1, 2, a0, a1, a2
    .insn i SYSTEM, 1, a0, a1, 0x300
##### options and attributes
    .option push
    .option norvc
    .option norelax
    .option pop
    .attribute arch, "rv32ima"
    .attribute stack_align, 16
    .file "x.c"
    .ident "by hand"
    .cfi_sections .debug_frame
_start: .cfi_startproc
    nop
    .cfi_def_cfa_offset 16
    .cfi_endproc
