##### standard sections
_start: nop
    .data
    .word 1
    .text
    nop
    .section .rodata
    .word 2
    .bss
    .skip 4
    .section .sdata, "aw"
    .word 3
    .section .sbss, "aw", @nobits
    .skip 4
##### push and pop
_start: nop
    .pushsection .data
    .word 1
    .pushsection .rodata, "a"
    .word 2
    .popsection
    .word 3
    .popsection
    nop
    .data
    .previous
    nop
##### subsections
_start: .text 1
    addi a0, a0, 1
    .text 0
    addi a0, a0, 0
    .subsection 2
    addi a0, a0, 2
    .text
    addi a0, a0, 3
##### names that the linker script knows
_start: nop
    .section .text.hot, "ax"
    addi a0, a0, 1
    .section .text.unlikely, "ax"
    addi a0, a0, 2
    .section .text.startup, "ax"
    addi a0, a0, 3
    .section .text.foo, "ax"
    addi a0, a0, 4
    .section .data.foo, "aw"
    .word 1
    .section .rodata.foo, "a"
    .word 2
    .section .data.rel.ro, "aw"
    .word 3
    .section .init_array, "aw"
    .word _start
    .section .bss.foo, "aw", @nobits
    .skip 8
##### names that it does not
_start: nop
    .section mine, "aw"
    .word 1
    .section code, "ax"
    nop
    .section fixed, "a"
    .word 2
    .section later, "aw", @nobits
    .skip 8
##### merged strings
_start: la a0, 1f
    la a1, 2f
    .section .rodata.str1.4, "aMS", @progbits, 1
    .align 2
1:  .string "hello"
    .align 2
2:  .string "hello"
    .string "lo"
##### groups
_start: nop
    .section .text.g, "axG", @progbits, g, comdat
g:  nop
##### large gaps
_start: la a0, far
    .data
    .skip 5000
far: .word 1
##### a page saved
_start: nop
    .skip 4000
    .data
    .word 1
##### the alignment of an empty section that ld drops does not count
_start: nop
    .section .rodata
    .balign 32
    .section .ro2, "a"
    .balign 32
    .section .tdata, "awT"
    .balign 32
    .section .sbss, "aw", @nobits
    .balign 32
    .section .foo, "aw"
    .balign 32
    .data
    .byte 1
    .bss
    .skip 1
##### the alignment of an empty section that ld keeps counts
_start: nop
    .data
    .balign 32
    .section .sdata, "aw"
    .byte 1
    .balign 64
    .bss
    .balign 128
##### the end of code sections without relaxation
    .option norelax
_start: nop
    .byte 1, 2
    .section .text.hot, "ax"
    nop
    .byte 1
    .section .init, "ax"
    nop
    .byte 1, 2
    .section .fini, "ax"
    .align 4
    nop
    .byte 1
##### the end of code sections
_start: nop
    .byte 1, 2
    .section .text.hot, "ax"
    nop
    .byte 1
    .section .text.zz, "ax"
    nop
    .ascii "AxByC"
    .section .init, "ax"
    nop
    .byte 1, 2
