##### set and equ
    .set a, 5
    .equ b, a + 1
    c = b * 2
    .set a, 7
_start: li a0, a
    li a1, b
    li a2, c
    .word a, b, c
##### equ of labels
_start: j there
    .set there, spot
    nop
spot: nop
    .set four, spot + 4
    la a0, four
##### equiv and eqv
    .equiv k, 3
_start: li a0, k
##### weak undefined
    .weak nowhere
_start: la a0, nowhere
    .word nowhere
##### numeric labels
1:  nop
_start: j 1b
    j 1f
1:  j 1b
    j 2f
    j 1f
2:  j 2b
1:  nop
    beqz a0, 1b
    bnez a0, 2b
10: j 10b
    j 10f
10: nop
##### local labels with dollars and dots
_start: j .L1
.L1: j .Lfoo.bar
.Lfoo.bar: j under_score$x
under_score$x: nop
##### quoted symbols
_start: j "a b"
"a b": nop
##### size and type
    .type _start, @function
_start: nop
    ret
    .size _start, . - _start
    .type d, @object
    .size d, 4
    .hidden d
    .data
d:  .word d
##### dot
_start: j .
    j . + 8
    .word .
    .word . - _start
##### hexadecimal, binary, octal, characters
_start: li a0, 0x10
    li a0, 0b11
    li a0, 017
    li a0, 'x'
    li a0, '\n'
    li a0, '\\'
    li a0, ' '
##### constants of labels in another section
_start: nop
    .data
    .skip 8
a:  .skip 12
b:  .set length, b - a
    .word length, length / 4
##### a label twice at one place
_start: a: a: nop
b:
b:
    nop
##### dollar labels
_start:
1$: nop
    j 1$
2$: bnez a0, 2$
.Lx: j 1$
3:  j 2$
other: j 1$
    bnez a0, 55$
1$: nop
next: .set later, 5
55$: j 55$
##### bounds of a section
_start: la a0, __start_table
    la a1, __stop_table
    lui a2, %hi(__stop_ro)
    .word __start_ro, __stop_ro - __start_ro
    .section table, "aw"
    .word 5, 6
    .section ro, "a"
    .byte 1, 2, 3
