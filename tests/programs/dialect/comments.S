/* comments.S - the C preprocessor: macros, conditions, a header, comments in all styles. */
#include "comments.h"
#define SYS_exit 93
#define LOAD(r, v) li r, v
#define TWICE(x) ((x) * 2)
#define STRING(x) #x
#define NAME(a, b) a##_##b
	.include "say.inc"
	.text
	.globl	_start
_start: /* here */ LOAD(a1, TWICE(21)) // a comment
	call	say_number		# another
	li	a1, FROM_HEADER	/* over
	two lines */
	call	say_number
#if defined(__riscv) && FROM_HEADER > 10
	li	a1, 1
#elif 0
	li	a1, 2
#else
	#error not reached
#endif
	call	say_number
#ifdef __ASSEMBLER__
	li	a1, 3
	call	say_number
#endif
	la	a0, NAME(the, text)
	call	say
	PROLOGUE(16)
	EPILOGUE(16)
	li	a0, 0
	li	a7, SYS_exit
	ecall
NAME(the, text):
	.ascii	STRING(quoted) " // not a comment # nor this /* nor this */\n\0"
