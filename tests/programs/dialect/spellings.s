# spellings.s - operands in all the ways that are accepted, and pseudo-instructions.
	.include "say.inc"
	.equ	value_constant, 0xcafe
	.option	push
	.option	norvc
	.option	norelax
	.text
	.globl	_start
_start:	LI	a0, 5 ; nop
	addi	x10,x0,0x10
	add	a1, a0, -6			# add with an immediate
	call	say_number
	and	a1, a0, 0x7f; or a1,a1,1
	xor	a1, a1, 2
	sll	a1, a1, 2
	srl	a1, a1, 1
	sra	a1, a1, 1
	slt	a2, a1, 100
	sltu	a3, a1, 100
	add	a1, a1, a2
	add	a1, a1, a3
	call	say_number
	lw	a1, value
	call	say_number
	sw	a1, copy, t0
	lw	a1, copy
	lh	a1, value + 2
	lhu	a1, value
	lb	a1, value+1
	call	say_number
	lbu	a1, (value + 3)
	call	say_number
	la	a0, value
	lw	a1, 0 (a0)
	lw	a1, (a0)
	lw	a1, +4(a0)
	call	say_number
	la	a0, value
	lw	a1, 2*4 - 4 ( a0 )
	lw	a1, %lo(8)(a0)
	call	say_number
	lui	a1, %hi(value)
	lw	a1, %lo(value)(a1)
	call	say_number
	lui	a1, %hi(value + 4)
	addi	a1, a1, %lo(value+4)
	lw	a1, (a1)
	call	say_number
1:	auipc	a1, %pcrel_hi(value + 8)
	lw	a1, %pcrel_lo(1b)(a1)
	call	say_number
	lla	a1, value
	lw	a1, 8(a1)
	li	a1, 0x12345678
	li	a1, -0x80000000
	li	a1, 0xfffff800
	li	a1, 'x'
	call	say_number
	li	a1, 2047 + 1
	call	say_number
	li	a1, value_constant
	call	say_number
	lui	a1, 0xfffff
	call	say_number
	not	a1, a1
	neg	a1, a1
	seqz	a2, a1
	snez	a3, a1
	sltz	a4, a1
	sgtz	a5, a1
	add	a1, a2, a3
	add	a1, a1, a4
	slli	a5, a5, 3
	add	a1, a1, a5
	call	say_number
	sgt	a1, s0, zero
	sgtu	a1, sp, zero
	call	say_number
	move	a1, fp
	mv	a1, s0
	zext.b	a1, sp
	bgt	zero, sp, 2f
	ble	zero, sp, 2f
	bgtu	sp, zero, 2f
	bleu	zero, sp, 2f
2:	blez	zero, 3f
	bgez	zero, 3f
	bltz	zero, 3f
	bgtz	zero, 3f
3:	rdcycle	a1
	rdinstret a2
	rdtimeh	a3
	fence
	fence	rw, w
	fence	iorw,iorw
	fence.tso
	fence.i
	lr.w	a0, (sp)
	lr.w.aq	a0, 0(sp)
	sc.w.rl	a0, a1, (sp)
	amoadd.w.aqrl a0, a1, (sp)
	amomaxu.w	a0,a1,0(sp)
	mul	a1, a2, a3
	mulhsu	a1, a2, a3
	.option	pop
	j	4f
	ebreak
	sbreak
	unimp
	csrr	a0, mstatus
	csrw	mscratch, a0
	csrs	0x300, a0
	csrc	mie, a0
	csrwi	mtvec, 4
	csrsi	mstatus, 8
	csrci	mstatus, 31
	csrrw	a0, mepc, a1
	csrrwi	a0, satp, 3
	csrr	a0, pmpcfg0
	csrrs	a0, mhpmcounter3, zero
	csrrc	zero, 0xc00, zero
	mret
	sret
	wfi
	sfence.vma
	sfence.vma a0
	sfence.vma a0, a1
	scall
4:	li	a0, 0
	li	a7, 93
	ecall
	.data
value:	.word	0x81827304, 99, 98
copy:	.word	0
