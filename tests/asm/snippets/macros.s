##### arguments and defaults
    .macro put reg, value=7
    li \reg, \value
    .endm
_start: put a0
    put a1, 9
    put reg=a2, value=3
##### counter and varargs
    .macro list first, rest:vararg
    .word \first
    .ifnb \rest
    list \rest
    .endif
    .endm
_start: list 1, 2, 3
    .macro unique
l\@: j l\@
    .endm
    unique
    unique
##### rept, irp, irpc
_start: .rept 3
    nop
    .endr
    .irp r, a0, a1, a2
    mv \r, zero
    .endr
    .irpc c, 123
    .byte \c
    .endr
    .align 2
##### conditionals
    .set k, 2
_start: .if k == 1
    li a0, 1
    .elseif k == 2
    li a0, 2
    .else
    li a0, 3
    .endif
    .ifdef nothing
    li a1, 1
    .else
    li a1, 2
    .endif
    .ifc a, a
    li a2, 1
    .endif
    .ifeq k - 2
    li a3, 1
    .endif
    .ifgt k
    li a4, 1
    .endif
##### nested macros with altmacro-free names
    .macro outer n
    .macro inner\n
    li a0, \n
    .endm
    .endm
_start: outer 5
    inner5
##### required and exit
    .macro early n:req
    li a0, \n
    .exitm
    li a0, 0
    .endm
_start: early 4
##### purge
    .macro nap
    nop
    .endm
_start: nap
    .purgem nap
##### set in rept
    .set i, 0
_start: .rept 4
    .word i
    .set i, i + 1
    .endr
##### comments and separators
_start: nop; nop # one
    /* three
    lines */ nop
    # 5 "somewhere"
    nop
