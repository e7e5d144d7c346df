# uart-hello.s - the first program of a bare machine: print a line over the UART, then end the run.
#
# What it shows
#   After reset a hart runs in M mode with nothing below it: no stack, no system calls.  Devices are
#   addresses: a byte stored at 0x10000000 goes out over the UART, as soon as its status says that it is
#   ready.  A word stored to the test finisher at 0x100000 switches the machine off.
#   A machine may have several harts, and all of them start here with their number in a0.
#
# How to run it
#   trapline boot programs/boot/uart-hello.s

    .equ    FINISHER, 0x100000
    .equ    FINISHER_PASS, 0x5555
    .equ    UART, 0x10000000
    .equ    UART_DATA, 0                    # offsets of its registers
    .equ    UART_STATUS, 5
    .equ    UART_IDLE, 0x20                 # this status bit: ready for a byte

    .text
    .globl  _start
_start:
    bnez    a0, park                        # one hart is enough for this

    li      t0, UART
    la      t1, message
next_character:
    lbu     t2, (t1)
    beqz    t2, switch_off                  # the zero byte at the end
wait_until_idle:
    lbu     t3, UART_STATUS(t0)
    andi    t3, t3, UART_IDLE
    beqz    t3, wait_until_idle
    sb      t2, UART_DATA(t0)
    addi    t1, t1, 1
    j       next_character

switch_off:
    li      t0, FINISHER
    li      t1, FINISHER_PASS
    sw      t1, (t0)
park:
    wfi                                     # sleep; an interrupt may end it, so do it again
    j       park

    .section .rodata
message:
    .asciz  "Hello from machine mode!\n"
