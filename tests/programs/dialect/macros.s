# macros.s - macros that call themselves, take defaults, required and remaining arguments, and count.
	.include "say.inc"

	.macro	countdown n			# recursion with a condition
	.if	\n
	number	\n
	countdown "(\n-1)"
	.endif
	.endm

	.macro	defaults a=1, b = 2 , c:req
	number	\a * 1000 + \b * 100 + \c * 10
	.endm

	.macro	each first, rest:vararg
	number	\first
	.ifnb	\rest
	each	\rest
	.endif
	.endm

	.macro	labelled text			# \@ is different in every expansion
	j	.Lover\@
.Lhere\@:
	.asciz	"\text"
	.balign	4
.Lover\@:
	la	a0, .Lhere\@
	call	say
	.endm

	.macro	join a, b
	number	value_\a\()_\b\()x
	.endm

	.macro	early n
	number	\n
	.if	\n > 2
	.exitm
	.endif
	number	-\n
	.endm

	.macro	operands reg, offset=0, base=sp
	sw	\reg, \offset(\base)
	lw	a0, \offset(\base)
	.endm

	.macro	outer name, value		# a macro that defines a macro
	.macro	inner_\name extra
	number	\value + \extra
	.endm
	.endm

	.set	value_left_rightx, 31
	.altmacro
	.macro	local_names count
	LOCAL	again
	li	s2, count
again:	addi	s2, s2, -1
	bnez	s2, again
	.endm
	.noaltmacro

	.text
	.globl	_start
_start:
	countdown 3
	defaults , , 3
	defaults 4, c=5
	defaults c = 6, b=7
	defaults 1 2 3
	each	10, 20, 30
	labelled "first, with a comma\n\0\0\0"
	labelled "second!\n\0\0\0"
	join	left, right
	early	1
	early	5
	li	t0, 77
	operands t0
	mv	a1, a0
	call	say_number
	li	t0, 78
	operands reg=t0, offset = -4 * 4
	mv	a1, a0
	call	say_number
	outer	one, 100
	outer	two, 200
	inner_one 1
	inner_two 2
	.purgem	inner_one
	.macro	inner_one
	number	9999
	.endm
	inner_one
	.irp	r, s0, s1, s2 , s3
	li	\r, 5
	.endr
	.irpc	digit, 0123
	addi	s\digit, s\digit, \digit
	number	\digit
	.endr
	add	a1, s0, s1
	add	a1, a1, s2
	add	a1, a1, s3
	call	say_number
	.set	i, 0
	.rept	4
	number	i * i
	.set	i, i + 1
	.endr
	.rept	0
	garbage that is never read
	.endr
	li	a0, 0
	li	a7, 93
	ecall
