# echo.s - copy standard input to standard output until the input ends.
#
# What it shows
#   A loop around read and write.  read returns the number of bytes it got: 0 at the end of the input,
#   a negative number for an error.  write may take fewer bytes than it was given, so an inner loop
#   goes on until the whole buffer is out.  The buffer lives in .bss, which takes no room in the file.
#
# How to run it
#   echo "some text" | trapline run programs/echo.s

    .equ    SYS_READ, 63
    .equ    SYS_WRITE, 64
    .equ    SYS_EXIT, 93
    .equ    STDIN, 0
    .equ    STDOUT, 1
    .equ    BUFFER_SIZE, 4096

    .bss
    .balign 4
buffer:
    .zero   BUFFER_SIZE

    .text
    .globl  _start
_start:
next_block:
    li      a0, STDIN
    la      a1, buffer
    li      a2, BUFFER_SIZE
    li      a7, SYS_READ
    ecall
    beqz    a0, done                        # end of input
    bltz    a0, failed

    la      s0, buffer                      # s0: first byte not yet written
    mv      s1, a0                          # s1: bytes left to write
write_rest:
    li      a0, STDOUT
    mv      a1, s0
    mv      a2, s1
    li      a7, SYS_WRITE
    ecall
    blez    a0, failed
    add     s0, s0, a0
    sub     s1, s1, a0
    bnez    s1, write_rest
    j       next_block

failed:
    li      a0, 1
    j       exit
done:
    li      a0, 0
exit:
    li      a7, SYS_EXIT
    ecall
