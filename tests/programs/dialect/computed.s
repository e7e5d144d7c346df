# computed.s - jumps to places found by arithmetic: offset tables, a jump into a row of equal blocks, returns.
	.include "say.inc"
	.equ	CASES, 4
	.text
	.globl	_start
_start:	li	s0, 0
again:	la	t0, table
	slli	t1, s0, 2
	add	t1, t0, t1
	lw	t1, (t1)
	add	t0, t0, t1
	jr	t0
case0:	number	100
	j	next
case1:	number	101
	j	next
case2:	number	102
next:	addi	s0, s0, 1
	li	t0, CASES
	blt	s0, t0, again

	li	s1, 13				# 2 to the power of 13 by jumping into a row of additions
	la	t0, row_end
	slli	t1, s1, 2
	sub	t0, t0, t1
	li	a1, 1
	jr	t0
	.rept	31
	add	a1, a1, a1
	.endr
row_end:
	call	say_number

	la	ra, 1f				# a return that was never a call
	la	t0, 2f
	jr	t0
1:	number	3
	j	3f
2:	mv	s11, ra
	number	4
	mv	ra, s11
	ret
3:	auipc	t0, 0
	jalr	ra, 16(t0)
	number	-1
	number	5
	la	t0, pointers
	lw	t1, 4(t0)
	jalr	ra, -4(t1)			# one instruction before it
	li	a0, 0
	li	a7, 93
	ecall
	nop
	li	a1, 6
function:
	j	say_number
	.section .rodata
	.balign	4
table:	.word	case0 - table
	.4byte	case2-table, case1-table
	.word	case0 + (case2 - case1) - (case1 - case0) - table
table_end:
	.data
	.balign	4
pointers:
	.word	_start, function, table - 4 + 4
