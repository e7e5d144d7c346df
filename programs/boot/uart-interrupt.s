# uart-interrupt.s - sleep until input arrives, then echo it in capital letters, up to the end of the line.
#
# What it shows
#   The way of an interrupt from a device: the UART (source 10) asks the PLIC; the PLIC, if the source has
#   a priority and is enabled for this hart, raises the machine external interrupt (number 11); the
#   handler claims the source from the PLIC, serves the device, and completes the interrupt at the PLIC.
#
# How to run it
#   echo "hello" | trapline boot programs/boot/uart-interrupt.s

    .include "board.inc"
    .include "trap.inc"

    .equ    UART_INTERRUPT_ENABLE, 1        # offset; bit 0: when a byte was received
    .equ    UART_SOURCE, 10
    .equ    INTERRUPT_MEI, 1 << 11

    .text
    .globl  _start
_start:
    bnez    a0, park
    la      sp, stack_end
    la      t0, trap_stack_end
    csrw    mscratch, t0
    la      t0, trap
    csrw    mtvec, t0

    li      t0, PLIC
    li      t1, 1
    sw      t1, PLIC_PRIORITY + 4 * UART_SOURCE(t0)
    li      t0, PLIC + PLIC_ENABLE          # a bit for each source
    li      t1, 1 << UART_SOURCE
    sw      t1, (t0)
    li      t0, PLIC + PLIC_CONTEXT
    sw      zero, PLIC_THRESHOLD(t0)        # every priority above 0 gets through
    li      t0, UART
    li      t1, 1
    sb      t1, UART_INTERRUPT_ENABLE(t0)

    li      s0, 0                           # s0: set by the handler at the end of the line
    li      t0, INTERRUPT_MEI
    csrw    mie, t0
1:  csrci   mstatus, STATUS_MIE             # no interrupt may come between the look at s0 and...
    bnez    s0, 2f
    wfi                                     # ...this, which a request ends even while they are off
    csrsi   mstatus, STATUS_MIE             # now it is taken
    j       1b
2:
    li      a0, 0
    call    finish

trap:
    trap_enter mscratch
    csrr    t0, mcause
    li      t1, 1 << 31 | 11
    li      a0, 1
    bne     t0, t1, finish
    li      t5, PLIC + PLIC_CONTEXT
    lw      t6, PLIC_CLAIM(t5)              # t6: which source it was
    li      t1, UART_SOURCE
    li      a0, 2
    bne     t6, t1, finish

    li      t2, UART
next_byte:
    lbu     t0, UART_STATUS(t2)
    andi    t0, t0, UART_RECEIVED
    beqz    t0, served
    lbu     a0, UART_DATA(t2)
    addi    t0, a0, -'a'                    # a to z become A to Z
    sltiu   t0, t0, 26
    slli    t0, t0, 5
    sub     a0, a0, t0
    li      t0, '\n'
    bne     a0, t0, 1f
    li      s0, 1
1:  call    print_char                      # changes t0, t1 and a0 only
    j       next_byte

served:
    sw      t6, PLIC_CLAIM(t5)              # done: the next one may come
    trap_leave mscratch
    mret

    .include "console.inc"

    .bss
    .balign 16
    .zero   1024
stack_end:
    .zero   1024
trap_stack_end:
