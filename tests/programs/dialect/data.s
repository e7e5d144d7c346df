# data.s - every directive that puts data somewhere, and escapes in strings.
	.include "say.inc"
	.macro	sum from, to			# sum of bytes times their place
	la	a0, \from
	la	a2, \to
	call	sum_bytes
	.endm

	.section .rodata
start:	.byte	1, 2, -3, 0xff, 'a', '\n', '\\, '\'', 'b
	.half	0x1234, -1
	.short	5
	.hword	6
	.2byte	7, 8
	.word	0xdeadbeef, -1, 'A' + 1
	.int	10
	.long	11
	.4byte	12, start_end - start
	.dword	0x1122334455667788, -2
	.quad	13
	.8byte	14
	.zero	3
	.space	2, 0xaa
	.skip	1
	.skip	2, 'x'
	.fill	3, 2, 0x0102
	.fill	2
	.fill	2, 4, -1
	.fill	1, 8, 0x55
	.string	"one", "two"
	.asciz	"three" , "four"
	.ascii	"five" "six"
	.ascii	"\b\f\n\r\t\"\\\1\12\123\x4\x41\0\7x"
	.string	"a # b // c /* d */ ; e"
	.balign	8
	.p2align 3
	.align	2
	.byte	1
	.balign	4, 0x11
	.byte	1
	.p2align 4, 0x22, 2
	.byte	1
	.p2align 2, , 3
	.balignw 8, 0x3344
	.uleb128 0
	.uleb128 127
	.uleb128 128
	.uleb128 624485
	.uleb128 0xffffffff
	.sleb128 0
	.sleb128 -1
	.sleb128 63
	.sleb128 64
	.sleb128 -64
	.sleb128 -65
	.sleb128 -123456
	.word	0b1010, 0777, 0x1F, 1 << 31, ~0, !0, !5, -(-8)
	.word	(1 + 2) * 3, 10 / 3, -10 / 3, 10 % 3, -10 % 3, 7 & 12, 7 | 8, 7 ^ 2, 1 << 4 + 1, 5 > 3, 5 == 5, 5 <> 5, 5 != 4
	.word	1 && 0, 1 || 0, 3 <= 3, 3 >= 4, 2 < 1, 7 ! 8, -1 >> 28
start_end:
	.data
here:	.word	here - start_data, start_data
start_data:
	.word	. - start_data
	.org	start_data + 16
	.byte	9
	.org	. + 3, 0x77
	.float	1.5, -0.25
	.single 3.0e2
	.double 2.5
	.octa	0x112233445566778899aabbccddeeff00
data_end:
	.bss
	.local	inside
	.comm	inside, 12, 4
	.lcomm	also_inside, 8
	.comm	outside, 16, 8
b:	.space	5
	.balign	4
c:	.zero	4

	.text
	.globl	_start
_start:	sum	start, start_end
	sum	data_end - 40, data_end
	la	a0, inside
	andi	a1, a0, 3
	call	say_number
	la	a0, outside
	andi	a1, a0, 7
	call	say_number
	la	a0, also_inside
	lw	a1, 4(a0)
	call	say_number
	la	a0, c
	la	a1, b
	sub	a1, a0, a1
	call	say_number
	la	a0, start_end
	la	a1, start
	sub	a1, a0, a1
	call	say_number
	li	a0, 0
	li	a7, 93
	ecall

sum_bytes:
	li	a1, 0
	li	t1, 1
1:	bgeu	a0, a2, 2f
	lbu	t0, (a0)
	mul	t0, t0, t1
	add	a1, a1, t0
	addi	t1, t1, 1
	addi	a0, a0, 1
	j	1b
2:	tail	say_number
