.byte 1 # 2
.byte 5 /* 6
7 */ ,8
 .byte 9; .byte 10
----
.ascii "a
b"
.byte 1
----
.ascii "a\
b"
.byte 1
----
.byte '#, '\'', '\"', ';', '/'
.byte 'a
.byte ''', '\n, '\\ 
----
.ascii "# // /* ; "; .byte 1
----
.macro addi a
.byte \a
.endm
addi 1
ADDI 2
----
.macro m a b=7
.byte \a,\b
.endm
m 1
m 1 2
m 1 -2
 m b=3 a=4
 m 1,b=2
----
.macro m a:vararg
.byte \a
.endm
 m 1, 2 , 3
----
.macro m
.byte \@
.endm
 m
 m
.rept 2
 m
.endr
----
.macro m
.byte 1
.rept 3
.byte 2
.exitm
.endr
.byte 3
.exitm
.byte 4
.endm
 m
----
.irp x
.byte 1\x
.endr
.irp x,1,2 3
.byte \x
.endr
.irpc c,12 3
.byte \c
.endr
.irpc c,"45"
.byte \c
.endr
----
.altmacro
.macro m a,b
LOCAL q,r
q: .byte a,b
r: .byte r-q, &a&1
.endm
 m %1+2,<4>
 m <5>,6
.noaltmacro
----
.if 1
.byte 1
.elseif 1
.byte 2
.else
.byte 3
.endif
.if 0
.if 1
.byte 4
.else
.byte 5
.endif
.elseif 2
.byte 6
.else
.byte 7
.endif
----
.ifc a b, a b
.byte 1
.endif
.ifc "a","a"
.byte 2
.endif
.ifc a , a
.byte 3
.endif
.ifeqs "a","a"
.byte 4
.endif
.ifc a + b,a+b
.byte 5
.endif
.ifb
.byte 6
.endif
.ifnb x
.byte 7
.endif
----
.byte 1
.end
.byte 2
----
1: .if 1
.byte 1
.endif
.macro m x
.byte \x
.endm
2: m 3; m 4
l:m 5
l2 : m 6
----
foo: .macro a
.byte \a
.endm
 foo 3
----
.byte '\0', '\n', 'a'+1
----
.byte '\0'
----
.macro m a b
.ascii "\a|\b"
.endm
 m "x y" z
 m (a b) c
 m "s t"u
----
.macro m a b
.byte \a,\b
.endm
 m ' ', 2
 m ',', 3
 m '\"','a
----
.macro m a
.byte \a
.endm
 m "1; .byte 2 # x"
 m "3 # foo"
----
.macro m a
.byte 1&a, 3&\a
.endm
 m 2
----
.macro m a
 .byte \(1+)2, \a\()0
.endm
 m 2
----
.macro m a
 .macro n\a x
 .byte \a, \x
 .endm
.endm
 m 2
 n2 7
----
.macro m
.endm
.purgem m
.macro m
.byte 3
.endm
m
.purgem M
----
.macro a.b x
.byte \x
.endm
a.b 1
.macro .foo x
.byte \x
.endm
 .foo 2
----
.macro m a
.byte \a
.endm
m=3
.byte m
m = 4
.byte m
----
.macro m a b
.byte 1
.ifb \b
.byte 2
.exitm
.endif
.byte 3
.endm
 m 1
 m 1 2
----
.rept 2
.irp x,1,2
.byte \x
.endr
.endr
.rep 2
.byte 8
.endr
----
.rept 3; .byte 1; .endr; .byte 2
.macro q; .byte 5; .endm; q
----
.MACRO m
.BYTE 5
.ENDM
.IF 1
 m
.ENDIF
----
.macro m x
.if \x > 0
.byte \x
 m (\x - 1)
.endif
.endm
 m 3
----
.macro m x
.if \x
.byte \x
 m \x-1
.endif
.endm
 m 3
----
.irp r, a0, a1
 add \r,\r, \r
.endr
----
.macro m a,b,c=9
.byte \a+0,\b+0,\c
.endm
 m ,2
 m 1,,
 m ,,3
 m
----
.macro m a
.string "\\\\a\\n"
.endm
 m 1
----
.altmacro
.macro m a,b
.byte a,b
.endm
 m %(1+2)*2 4
 m %1,2
 m <1>2
 m 1<2>
----
.macro m a:vararg
.ascii \a
.endm
 m "x  y", "z"
----
.macro m a=1 b=2, c = 3
.byte \a,\b,\c
.endm
 m
 m 4 , 5 6
----
.macro m a : req, b
.byte \a,\b
.endm
 m 1,2
----
.macro m a:vararg=3
.byte \a
.endm
 m
----
.macro m x
.byte x\()1
.endm
.set x1,3
 m 4
----
.macro m x
 lw a0, \x
.endm
 m 4(a0)
 m 4 (a0)
 m %lo(x)(a0)
----
.macro m
.else
.byte 3
.endm
.if 0
.byte 1
 m
.endif
----
.macro m
.endif
.byte 3
.endm
.if 1
.byte 1
 m
.byte 4
----
.irpc c,
.byte 1\c
.endr
.irp c,,1
.byte 2\c
.endr
----
.irp x "1,2", 3
.byte \x
.endr
----
.irp x y,1
.endr
----
.if 1 == 1 && 2 > 1
.byte 1
.endif
.ifeq 0
.byte 2
.endif
.ifge -1
.byte 3
.endif
.iflt -1
.byte 4
.endif
----
.rept 2
.if 1
.endr
.byte 1
.endif
.endif
----
.irp x,1,2
.byte \@
.endr
----
.macro m
.irp x,1,2
.byte \x, \@
.endr
.endm
 m
 m
----
.rept 2
.byte 1
.exitm
.byte 2
.endr
----
.macro m
.if 1
.exitm
.endif
.endm
 m
.byte 1
----
.macro m
.rept 2
.if 1
.exitm
.endif
.endr
.byte 2
.endm
 m
.byte 1
----
.macro m
l\@: .byte 1
.endm
 m;m
 .byte l1-l0
----
 addi a0, a0, 1 ; ; addi a0,a0,2;
----
.ifc "a,b","a,b"
.byte 1
.endif
----
.ifeqs "a,b" , "a,b"
.byte 1
.endif
.ifnes "a","b"
.byte 2
.endif
----
.ifnotdef zz
.byte 1
.endif
.if 0
.elsec
.byte 2
.endc
----
.macro m x
.ifc \x,
.byte 1
.else
.byte 2
.endif
.endm
 m
 m a
----
.macro m x
.ifb \x
.byte 1
.else
.byte 2
.endif
.endm
 m
 m a
 m ""
 m " "
----
.macro m x
 .if \x
 .byte 1
 .endif ; .endm
 m 1
----
.altmacro
.macro m a
.ascii a
.endm
 m "x"
 m <"x!>y">
----
.altmacro
.macro m a
.ascii "a-a0xa"
.endm
 m 1
----
.macro m a
.byte \a
.endm
m a=1,a=2
