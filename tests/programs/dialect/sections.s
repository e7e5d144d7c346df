# sections.s - sections by every name and flag, pushed, popped, subsections, and what lies where.
	.include "say.inc"
	.section .text.unlikely, "ax", @progbits
	.globl	far_away
far_away:
	mv	s11, ra
	number	1
	jr	s11
	.section ".text.hot","ax",%progbits
hot:	mv	s11, ra
	number	2
	jr	s11
	.section .rodata.str1.4, "aMS", @progbits, 1
	.align	2
.LC0:	.string	"merged\n"
.LC1:	.string	"merged\n"
	.section .sdata, "aw"
	.align	2
small:	.word	33
	.section .sbss,"aw",@nobits
	.align	2
small_zero:
	.zero	4
	.section .srodata.cst4,"aM",@progbits,4
	.align 2
constant:
	.word	44
	.section my_section, "aw", @progbits
	.align	2
mine:	.word	55
	.section .data.rel.ro.local, "aw"
	.align	2
relro:	.word	mine, far_away
	.section .note.GNU-stack,"",@progbits
	.section .comment
	.string	"not loaded"
	.text
	.globl	_start
_start:	call	far_away
	call	hot
	la	a0, .LC0
	call	say
	lw	a1, small
	call	say_number
	lw	a1, small_zero
	call	say_number
	lw	a1, constant
	call	say_number
	lw	a0, relro
	lw	a1, (a0)
	call	say_number
	lw	t0, relro + 4
	jalr	t0
	.pushsection .data
	.align	2
pushed:	.word	66
	.pushsection .rodata, "a"
	.align	2
twice:	.word	67
	.popsection
	.word	68
	.popsection
	lw	a1, pushed
	call	say_number
	lw	a1, twice
	call	say_number
	lw	a1, pushed + 4
	call	say_number
	.data
	.align	2
x:	.word	1
	.previous
	lw	a1, x
	call	say_number
	j	1f
	.subsection 2
second:	number	72
	j	finally
	.subsection 1
first:	number	71
	j	second
	.text 0
1:	j	first
finally:
	li	a0, 0
	li	a7, 93
	ecall
	.section my_section
	.word	mine - .
