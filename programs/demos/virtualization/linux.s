# linux.s - the library beneath `perfect` where the operating system is Linux.
#
# The functions are those of Burrow's library; only the two system calls have other numbers and arguments.
    .include "user.inc"

    .globl  library_calls

    .equ    LINUX_WRITE, 64                 # a0: descriptor, a1: buffer, a2: bytes -> bytes written
    .equ    LINUX_EXIT, 93                  # a0: status
    .equ    STANDARD_OUTPUT, 1

    .text
    .globl  _start
_start:
    call    main
    call    exit

library_function exit
    li      a7, LINUX_EXIT
    ecall
    ret

library_function write                      # a0: buffer, a1: bytes
    mv      a2, a1
    mv      a1, a0
    li      a0, STANDARD_OUTPUT
    li      a7, LINUX_WRITE
    ecall
    ret

    .include "text.inc"

    .data
    .balign 4
library_calls:
    .word   0
