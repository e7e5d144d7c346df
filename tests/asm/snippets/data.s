##### integers
_start: nop
    .data
    .byte 1, -1, 255, 'a', 'b'
    .half 1, -2
    .2byte 0xffff
    .short 3
    .hword 4
    .word -1, 0xffffffff, _start, . - 4
    .4byte 5
    .long 6, 7
    .int 8
    .dword 0x123456789abcdef0
    .8byte -2
    .quad 9
##### strings
_start: nop
    .data
    .ascii "a\n\t\"\\\101\x41"
    .asciz "zero", "two"
    .string "s", ""
    .string8 "x"
    .string16 "ab"
    .string32 "c"
    .ascii "a" "b"
##### space
_start: nop
    .data
    .zero 3
    .space 4, 7
    .skip 5
    .skip 2, 0xff
    .fill 3
    .fill 2, 2, 0x1234
    .fill 2, 4, 0x12345678
    .fill 1, 8, 0x12345678
##### alignment in data
_start: nop
    .data
    .byte 1
    .align 2
    .byte 2
    .p2align 3
    .byte 3
    .balign 16
    .byte 4
    .p2align 2, 0xff
    .byte 5
    .balign 8, 1, 2
    .byte 6
    .balign 4
    .word 7
    .p2alignl 3, 0x12345678
    .word 7
    .p2alignl 3, 0x12345678
##### alignment in code
_start: nop
    .align 4
    nop
    .balign 32
    nop
    .p2align 3
    nop
##### alignment in code without relaxation
    .option norelax
_start: nop
    .align 4
    nop
    .balign 32
    nop
    .p2align 3, , 2
    nop
##### alignment in code at an odd place
_start: nop
    .byte 1
    .align 3
    nop
    .align 2
    .byte 1, 2, 3
    .align 2
    .byte 4
    .p2align 4, , 1
    nop
##### alignment in code at an odd place without relaxation
    .option norelax
_start: .byte 1
    .align 3
    nop
    .align 2
    .byte 1, 2, 3
    .align 2
    .byte 4
    .align 3, 0
    nop
    .align 4
    nop
    .half 1
##### relaxation turned off at the end
_start: nop
    .align 4
    nop
    .option norelax
    nop
    .align 5
    nop
##### relaxation turned on at the end
    .option norelax
_start: nop
    .align 4
    nop
    .option relax
    nop
    .align 5
    nop
##### org
_start: nop
    .org 0x20
    nop
    .org . + 8
    nop
##### leb128
_start: nop
    .data
    .uleb128 0
    .uleb128 127
    .uleb128 128
    .uleb128 0xffffffff
    .sleb128 -1
    .sleb128 63
    .sleb128 64
    .sleb128 -65
    .sleb128 100000
##### differences of labels
_start: nop
1:  .word 1f - 1b
    .half 1f - 1b
    .byte 1f - _start
1:  .data
a:  .word b - a, . - a, a - .
b:  .word b - a + 5, (b - a) * 2
##### octa and floats
_start: nop
    .data
    .octa 0x0123456789abcdef0123456789abcdef
    .float 1.5, -2.25, 0
    .single 3.0
    .double 1.5, 1e10
##### incbin of itself
_start: nop
    .data
    .ascii "ab"
    .equ here, . - 2
    .word here
##### common and local common
_start: la a0, c
    la a1, l
    la a2, m
    .comm c, 100, 16
    .lcomm l, 8
    .local m
    .comm m, 4, 4
##### bss
_start: la a0, z
    .bss
    .skip 7
    .balign 8
z:  .zero 16
##### empty sections with labels
_start: la a0, d
    la a1, b
    la a2, q
    .data
d:
    .bss
b:
    .section .q, "aw"
q:
##### names of sections
_start: la a0, named
    .data
    .word .text, named
    .section named, "aw"
    .word 1
##### Room that depends on what comes, or on branches
_start:
    beqz a0, next
    .space 64 - (. - _start)
    bnez a0, far
    .fill 200 - (. - _start), 1, 7
next:
    .space end - start, 3
    .fill (end - start) / 4, 4, 0x12345678
    .space 5000
far:
    nop
    .data
start:
    .word 1, 2
end:
##### Room as long as a distance in a later section with room of its own
_start:
    .space end - start
    nop
    .data
start:
    .space late - early
    .fill (late - early) / 4, 2, 0x1234
    .balign 4
end:
    .section .rodata
early:
    .word 1, 2
late:
##### an operand in brackets right behind the directive
_start: .word(1)
    .align(4)
    .byte(1),(2)
    .space(4)
    .fill(2),(1),(3)
    .balign(8)
    .word-1
    .word~0
    .word+5
    .if(1)
    .word 7
    .endif
    .rept(2)
    .word 8
    .endr
##### structures
_start: nop
    .struct 8
a:  .skip 4
    .align 4
b:  .org 100
c:  .zero 8
d:  .ds.w 4
e:  .space 1
f:  . = 200
g = .
    .balign 8
h:  .byte 0
i:  .fill 4, 2, 0
1:  .lcomm local, 4
j:  .previous
k:  nop
    .previous
l:  .pushsection .data
    .word 5
    .popsection
m = 1b
    .text
    .word a, b, c, d, e, f, g, h, i, j, k, l, m
    .offset
x:  .skip 4
    .struct h + 4
y:  .offset 0x40
z:  .text
    .word x, y, z
    lw a0, y(a0)
    li a1, z
    sw a1, a(sp)
    .if y == 4
    .word 1
    .endif
##### strings of 8 bytes a character
_start: .string64 "ab", "c"
##### escapes
_start: .ascii "\a\b\c\d\e\f\g\h\i\j\k\l\m\n\o\p\q\r\s\t\u\v\w\y\z"
    .ascii "\0\1\12\123\1234\8\9\18\189\400\777\0018"
    .ascii "\x4\x41\x414\xg\X41\xfff\"\\\'\?\ "
    .byte '\a', '\b', '\n', '\v', '\f', '\e'
##### floats that are no numbers, and those half-way between two
_start: .float nan, inf, -inf, -nan, NaN, Inf, infinity, +inf, INFINITY, snan
    .double nan, inf, -inf, -nan, infinity, snan
    .float16 1.5, nan, inf, 65504, 1e-8, 6e-8, 65519, 65520
##### float formats
_start: .float 0f1.5, 0e2, 0d1.0, 1e10, .5, 5., -0.0, 1.5e-3, 3.4028235e38, 1.17549435e-38, 1e-45, 7e-46, 0x5, 0b.25
    .float 16777217, 16777219, 1.00000005960464477539, 123456789, 3.4028236e38, 1e-40, 8e-46, 0, -0, 1.0e, 0b1010
    .float +1.5, - 1.5, 0.5000000298023224
    .double 0f1.5, 2.2250738585072014e-308, 5e-324, 2e-324, 0.1, 1e-310, 1e308, 9007199254740993, 0.1e-5, -3
    .dcb.s 2, 1.5
    .dcb.d 1, 2.5
    .float16 0.1, 2049, 2051, 1e-7, -0
##### other names and habits of older sources
    .xdef _start
_start: .nop
    .spc 4
    .skip 0
    .lsym k, 5
    .word k
    .sect .table, "aw"
    .word 3
    .section.s .more, "aw"
    .word 4
    .text
    .xcom c, 4
    .common.s d, 8
    la a0, c
    la a0, d
    .subsection 1
    nop
    .subsection
    .octa 1 + 1, -1, k
    .skip -1
    .fill -1
    .xref nothing
    .ttl "title"
    .page
    .plen 5
    .llen 80
    .lflags
    .noformat
    .nopage
    .name "old"
    .debug
    .attach_to_group group
    .linefile 12 "old.s"
    .fail 600
    .macro leave
    nop
    .mexit
    .word 1
    .endm
    leave
##### rules of call frames by other names
_start: .cfi_startproc
    nop
    .cfi_negate_ra_state
    nop
    .cfi_window_save
    .cfi_endproc
##### unary operators on symbols with a number
_start: k = 3
    .word ~k, !k, -k, 1 - ~k, ~0x7f >> 60 - ~k
    .byte ~k + 5, -(k)
##### names of any script, and of no script at all
_start: nop
größe:  nop
😀:     j 😀
    j größe
    .data
    .word a😀b - 4
a😀b: .word größe
