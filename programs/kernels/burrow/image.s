# image.s - what lies behind the kernel: the files, and then the memory that is free.  The last of its sources.

    .include "burrow.inc"

    .globl  image, memory_begin

    .section .rodata
    .balign 16
image:
    .incbin "files.img"

    .bss
    .balign 16
memory_begin:
