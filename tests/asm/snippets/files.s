##### A weak alias gives way to another file's definition
_start:
    call handler
    la a0, handler
    beqz a0, handler
    .weak handler
    .set handler, default
default:
    ret
    .data
    .word handler, default
#### file
    .globl handler
    .text
handler:
    nop
    ret
##### A table of weak interrupt handlers
    .macro vector name
    .weak \name
    .set \name, default
    .word \name
    .endm
    .section .vectors, "ax", @progbits
    vector one
    vector two
    vector three
    .text
_start:
    nop
default:
    j .
#### file
    .globl two
two:
    mret
##### Branches to other files and sections are long
_start:
    beqz a0, external
    bne a0, a1, external + 4
    blt a0, a1, weak
    j external
    .weak weak
weak:
    nop
    .globl global
    beqz a0, global
global:
    beqz a0, other
    bnez a0, 0x10100
    .section .text.other, "ax"
other:
    ret
#### file
    .text
    .globl external
external:
    ret
    nop
##### Common symbols, the longest of each
_start:
    la a0, both
    la a1, second
    la a2, local
    .comm both, 10, 8
    .comm second, 4
    .lcomm local, 6
    .local other
    .comm other, 20, 16
    .common third, 12, 4
    .comm fourth, 100
#### file
    .comm both, 20, 4
    .comm last, 3
    .data
    .word both, second
##### Code sections of several files, aligned differently
_start:
    nop
    .section .text.wide, "ax"
    .balign 64
    ret
#### file
    .text
    .balign 256
    ret
##### A weak reference that another file fulfils
_start:
    call alias
    .weakref alias, target
    la a0, alias
    .word alias
#### file
    .text
    .globl target
target:
    ret
##### A weak reference that nobody fulfils
_start:
    .weakref alias, target
    la a0, alias
    .word alias, 5
##### Calls of an undefined weak symbol go to address 0
_start:
    .weak absent
    beqz a0, absent
    la a0, absent
    call absent
    tail absent
    .word absent
