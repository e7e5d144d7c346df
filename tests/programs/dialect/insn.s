# insn.s - instructions by their fields, as raw words, and in every spelling.
	.include "say.inc"
	.text
	.globl	_start
_start:	li	a0, 40
	.insn	r 0x33, 0, 0, a1, a0, a0		# add a1, a0, a0
	call	say_number
	.insn	r OP, 4, 1, a1, a1, a0
	.insn	i 0x13, 0, a1, a0, 2			# addi
	call	say_number
	.insn	i OP_IMM, 7, a1, a0, 0xf
	call	say_number
	addi	sp, sp, -16
	li	a1, 7
	.insn	s STORE, 2, a1, 4(sp)
	.insn	i LOAD, 2, a1, 4(sp)
	call	say_number
	.insn	b BRANCH, 0, zero, zero, 1f
	number	-1
1:	.insn	sb 0x63, 1, zero, zero, 1b
	.insn	u LUI, a1, 0x12
	call	say_number
	.insn	j JAL, zero, 2f
	number	-1
2:	.insn	uj 0x6f, zero, 3f
	nop
3:	.insn	0x02a00593				# li a1, 42
	call	say_number
	.insn	4, 0x02b00593
	call	say_number
	.word	0x02c00593
	call	say_number
	.insn	r AMO, 2, 0x04, a1, sp, a0		# amoswap
	li	a0, 0
	li	a7, 93
	ecall
