# hello.s - the smallest useful program: print a line, then exit.
#
# What it shows
#   A program in U mode cannot touch a device.  It asks the system with `ecall`: the number of the
#   service goes in a7, the arguments in a0, a1, a2..., and the answer comes back in a0.  The numbers
#   are those of Linux on RISC-V: 64 is write(fd, address, length), 93 is exit(status).
#
# How to run it
#   trapline run programs/hello.s

    .equ    SYS_WRITE, 64
    .equ    SYS_EXIT, 93
    .equ    STDOUT, 1

    .section .rodata
message:
    .ascii  "Hello from RISC-V!\n"
    .equ    message_length, . - message     # `.` is the current address

    .text
    .globl  _start                          # where execution begins
_start:
    li      a0, STDOUT
    la      a1, message
    li      a2, message_length
    li      a7, SYS_WRITE
    ecall

    li      a0, 0                           # status 0: all went well
    li      a7, SYS_EXIT
    ecall
