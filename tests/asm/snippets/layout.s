##### Notes have program headers
_start:
    nop
    .section .note.a, "a", @note
    .balign 4
    .word 4, 4, 1
    .asciz "abc"
    .word 5
    .section .note.b, "a", %note
    .balign 4
    .word 4, 4, 1, 5, 6
    .section .note.c, "a", %note
    .balign 8
    .word 4, 4, 1, 5, 6
    .section .note.d, "", %note
    .word 4, 4, 1
    .section .rodata
    .word 1
##### Arrays that are not there lie behind thread-local data
_start:
    lui a0, %hi(__init_array_start)
    addi a0, a0, %lo(__init_array_end)
    lui a0, %hi(__fini_array_start)
    addi a0, a0, %lo(__preinit_array_end)
    .section .tdata, "awT", @progbits
    .ascii "abcde"
    .section .tbss, "awT", @nobits
    .balign 4
    .zero 4
    .data
    .word 1
##### Arrays behind an array that is there
_start:
    lui a0, %hi(__init_array_start)
    addi a0, a0, %lo(__init_array_end)
    lui a0, %hi(__fini_array_start)
    addi a0, a0, %lo(__preinit_array_end)
    .section .init_array, "aw"
    .word _start
##### The end of .bss is aligned
_start:
    la a0, __BSS_END__
    la a0, _end
    .bss
    .zero 13
##### Blocks of Motorola's syntax
_start:
    .data
    .dc.b 1, 2
    .dc.w 2
    .dc.l 3
    .dc 4
    .dc.s 1.5
    .dc.d 2.5
    .dc.a 7
    .dcb.b 3, 7
    .dcb.w 2, 0x1234
    .dcb 2
    .dcb.l 1, 9
    .ds.w 2
    .ds.b 3
    .ds 1
    .ds.l 2
    .ds.d 1
##### Suffixes of C's numbers
_start:
    li a0, 1UL << 3
    li a0, 0x10u
    li a1, 10LL
    li a1, 0xFFul + 3UL
    addi a0, a0, 3U
    .word 0b11UL, 017L
##### Numeric labels with leading zeros
_start:
00: j 0b
01: j 1b
    j 001f
1:  nop
##### A string with a quote and a colon in it
_start:
    .ascii "a\":b", "\"=", "\\"
##### GNU as places what follows an alignment before ld shortens that
_start:
    nop
    .align 3
    nop
    .org 0x100
    nop
    .align 6
    nop
    .balign 16, 0x13
    nop
    .space 1024 - (. - _start)
    nop
    .option norelax
    .align 5
    nop
##### Branches that are long only while alignments are
_start:
    .rept 40
    beqz a0, end
    .space 84
    .align 5
    .endr
end:
    nop
##### alignment where compressed instructions are allowed
_start: .option rvc
    .align 6
    .option norvc
    nop
    .half 1
    .option push
    .option rvc
    .align 2
    .option pop
    nop
##### alignment after .option arch
_start: nop
    .half 1
    .option arch, +c
    .align 3
    .option arch, -c
    .half 1
##### alignment to halfwords without relaxation
    .option norelax
_start: nop
    .half 1
    .option rvc
    .align 3
    .option norvc
    .half 1
    .option rvc
    .align 2
    .option norvc
    nop
##### a branch shrinks again when those between shrink
_start: .rept 1100
    beqz a0, far
    .endr
    beqz a0, near
    .rept 900
    nop
    .endr
near: .skip 5000
far: nop
##### forward branches behind the first 4 KiB begin long
_start: .rept 1030
    nop
    .endr
    .rept 500
    beqz a0, there
    .endr
    .rept 600
    beqz a1, there
    .endr
there: nop
##### branches with alignments between them, without relaxation
    .option norelax
_start: .rept 600
    beqz a0, there
    .align 3
    .endr
    .rept 600
    bnez a0, _start
    .balign 16
    .endr
there: nop
