# labels.s - numeric labels, labels that look like instructions or registers, several on a line, `.`, dots and dollars.
	.include "say.inc"
	.text
	.globl	_start
1:	.word	1b - .			# behind a label of the same number
1:	.word	1b - 1f, 1f - 1b
1:
_start:	la	a0, 1b
	la	a1, 1f
	sub	a1, a1, a0
	call	say_number
1: 2: 3:	nop; nop
	la	a0, 1b; la a1, 3b; sub a1, a1, a0; call say_number
	j	99f
	.word	0xffffffff
99:	li	s0, 3
0:	addi	s0, s0, -1
	bnez	s0, 0b
	j	. + 8
	.word	0
	j	1f + 4
1:	.word	0
	nop
	la	a0, add
	lw	a1, (a0)
	call	say_number
	lw	a1, with.dots
	call	say_number
	lw	a1, $dollar$
	call	say_number
	lw	a1, _under_score9
	call	say_number
	lw	a1, Case
	call	say_number
	lw	a1, case
	call	say_number
	lw	a1, a0_
	call	say_number
	lui	a0, %hi("quoted name")
	lw	a1, %lo("quoted name")(a0)
	call	say_number
	beq	zero, zero, forward
	.word	-1
.Lback:
	number	2
	j	out
forward:
	number	1
	bgez	zero, .Lback
out:	call	there
	la	s5, there
	jalr	s5
	jalr	ra, s5, 0
	jalr	ra, 0(s5)
	jalr	s5, 0
	jalr	ra, (s5)
	la	t1, next
	jalr	s6, t1
next:
	jal	there
	jal	ra, there
	jal	t1, there_by_t1
	li	a0, 0; li a7, 93; ecall

there:	mv	s11, ra
	number	42
	jr	s11
there_by_t1:
	mv	s11, t1
	number	43
	jr	0(s11)

	.data
add:	.word	7
with.dots: .word 8
$dollar$:	.word	9
_under_score9:
	.word	10
Case:	.word	11
case:	.word	12
a0_:	.word	13
"quoted name": .word 14
