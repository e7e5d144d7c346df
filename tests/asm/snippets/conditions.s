##### symbols without a definition are equal to themselves alone
_start: nop
    .if s == undefined
    .word 101
    .endif
    .if undefined == 0
    .word 102
    .endif
    .if undefined != 5
    .word 103
    .endif
    .if undefined <> undefined
    .word 104
    .endif
    .if undefined == undefined
    .word 105
    .endif
    .if a0 == a0
    .word 106
    .endif
    .if a0 == a1
    .word 107
    .endif
    .if undefined + 1 == undefined + 1
    .word 108
    .endif
    .if undefined + 1 == undefined
    .word 109
    .endif
    .if (undefined == 0) || 1
    .word 110
    .endif
    .if !(undefined == 0)
    .word 111
    .endif
    .ifeq undefined == 3
    .word 2
    .elseif undefined == undefined
    .word 3
    .endif
    .rept 1 - (undefined == undefined)
    .word 4
    .endr
##### labels and numbers are not equal
_start: nop
a:  nop
    .if a == 0
    .word 1
    .endif
    .if a != undefined
    .word 2
    .endif
    .if a == b
    .word 3
    .endif
    .if _start + 4 == a
    .word 4
    .endif
    .set later, elsewhere
    .if later == 0
    .word 5
    .endif
b:  nop
elsewhere:
