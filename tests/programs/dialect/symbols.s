# symbols.s - visibility, sizes, aliases, weak ones, absolute ones and assignments to symbols that come later.
	.option	nopic
	.attribute arch, "rv32i2p1_m2p0_a2p1"
	.attribute unaligned_access, 0
	.attribute stack_align, 16
	.include "say.inc"
	.file	"symbols.c"
	.file 1 "symbols.c"
	.ident	"nobody"
	.data
	.align	2
	.type	object, @object
	.size	object, 12
object:	.word	21, 22
weak_one:
	.word	23
object_end:
	.set	same, object
	same_plus = same + 4
	.equ	size_of_object, object_end - object
pointer: .word	same_plus
	.set	absolute, 0x700
	.globl	exported
	.set	exported, object + 8
	.text
	.globl	_start, other
	.type	_start, @function
	.hidden	other
	.weak	weak_one, not_there
	.cfi_sections .debug_frame
_start:
.LFB0:	.cfi_startproc
	.cfi_def_cfa_offset 16
	.cfi_offset 1, -4
	.loc 1 1 1
	lw	a1, weak_one
	call	say_number
	lw	a1, same
	call	say_number
	lw	a1, same_plus
	call	say_number
	lui	a1, %hi(not_there)
	addi	a1, a1, %lo(not_there)
	call	say_number
	number	size_of_object
	number	absolute >> 4
	la	a1, absolute
	call	say_number
	lw	a0, pointer
	lw	a1, (a0)
	call	say_number
	li	a1, %lo(0x12345fff)
	call	say_number
	lui	a1, %hi(0x12345fff)
	call	say_number
	call	other
	.cfi_endproc
.LFE0:	.size	_start, .-_start
	.size	other, .Lother_end - other
	.type	other, function
other:	li	a0, 3
	li	a7, 93
	ecall
.Lother_end:
	.section .debug_info, "", @progbits
	.4byte	.LFE0 - .LFB0
	.uleb128 0x1234
	.4byte	.LFB0
