# image.s - what follows the kernel: the files, then free memory.  The last source of the kernel.

    .include "burrow.inc"

    .globl  image, memory_begin

    .section .rodata
    .balign 16
image:
    .incbin "files.img"

    .bss
    .balign 16
memory_begin:
