# conditions.s - the .if family, symbols that are set again, expressions that decide.
	.include "say.inc"
	.set	one, 1
	two = one + 1
	.equ	three, two+one
	.equiv	four, 4
	five == 5
	.text
	.globl	_start
_start:
	.if	one
	number	1
	.else
	number	-1
	.endif
	.if	three == 4
	number	-2
	.elseif	three == 3
	number	2
	.elseif	three == 3
	number	-2
	.else
	number	-2
	.endif
	.ifdef	one
	number	3
	.endif
	.ifndef	none
	number	4
	.endif
	.ifnotdef none
	number	5
	.endif
	.ifc	abc, abc
	number	6
	.endif
	.ifnc	abc,abd
	number	7
	.endif
	.ifeqs	"a b", "a b"
	number	8
	.endif
	.ifnes	"a", "b"
	number	9
	.endif
	.ifb
	number	10
	.endif
	.ifnb	x
	number	11
	.endif
	.ifeq	one - 1
	number	12
	.endif
	.ifne	one
	number	13
	.endif
	.ifgt	two - one
	number	14
	.endif
	.ifge	one - one
	number	15
	.endif
	.iflt	one - two
	number	16
	.endif
	.ifle	one - one
	number	17
	.endif
	.if	0
	this is not even looked at
	.if	1
	.else
	.endif
	.elseif	1
	.if	four > 3 && five < 6
	number	18
	.endif
	.endif
1:	nop
	nop
2:	.if	2b - 1b == 8
	number	19
	.endif
	two = 22
	number	two
	two = two + 1
	number	two
	number	three
	.set	later, end_of_text - 2b
	la	a1, end_of_text
	la	a0, 2b
	sub	a1, a1, a0
	lw	a0, later_word
	sub	a1, a1, a0
	call	say_number
	.ifdef	_start
	number	20
	.endif
	li	a0, 0
	li	a7, 93
	ecall
end_of_text:
	.data
	.balign	4
later_word:
	.word	later
