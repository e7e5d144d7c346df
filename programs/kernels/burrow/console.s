# console.s - the UART: polled output, and input by interrupt, line by line.
#
# Received bytes wait in a ring until a program reads.  Only then are they echoed and edited, so that what is
# typed ahead appears where it is read, and output does not depend on the speed of typing.  When the ring
# is full, the kernel stops reading the UART, and nothing is lost.  Only Ctrl-C takes effect on arrival.

    .include "burrow.inc"

    .globl  console_prepare, console_interrupt, uart_write, print_text, print_number, print_hex
    .globl  call_write, call_read, serve_readers, forget_line, readers

    .equ    UART_SOURCE, 10                 # at the PLIC
    .equ    UART_INTERRUPTS, 1              # register: bit 0, when a byte was received
    .equ    PLIC_ENABLE_S, PLIC_ENABLE + 0x80       # of S mode of hart 0, context 1
    .equ    PLIC_CONTEXT_S, PLIC_CONTEXT + 0x1000
    .equ    RING, 256                       # bytes, a power of two
    .equ    LINE, 128
    .equ    INTERRUPT_KEY, 3                # Ctrl-C
    .equ    END_OF_INPUT, 4                 # Ctrl-D
    .equ    BACKSPACE, 8
    .equ    DELETE, 127

    .text
console_prepare:
    li      t0, PLIC
    li      t1, 1
    sw      t1, PLIC_PRIORITY + 4 * UART_SOURCE(t0)
    li      t0, PLIC + PLIC_ENABLE_S
    li      t1, 1 << UART_SOURCE
    sw      t1, (t0)
    li      t0, PLIC + PLIC_CONTEXT_S
    sw      zero, PLIC_THRESHOLD(t0)
    li      t0, UART
    li      t1, 1
    sb      t1, UART_INTERRUPTS(t0)
    ret

# --- output ------------------------------------------------------------------------------------------------
# uart_write(a0: from, a1: bytes).  Changes t0 to t2, a0 and a1.  The UART's FIFOs stay off: turning them on
# discards input.
uart_write:
    li      t0, UART
    add     a1, a1, a0
1:  beq     a0, a1, 3f
    lbu     t2, (a0)
2:  lbu     t1, UART_STATUS(t0)             # until the last byte is out
    andi    t1, t1, UART_IDLE
    beqz    t1, 2b
    sb      t2, UART_DATA(t0)
    addi    a0, a0, 1
    j       1b
3:  ret

# print_text(a0: text of the kernel)
print_text:
    enter
    mv      a1, a0
1:  lbu     t0, (a1)
    beqz    t0, 2f
    addi    a1, a1, 1
    j       1b
2:  sub     a1, a1, a0
    lw      a2, speaking_for
    call    write_lines
    leave

# print_number(a0: number): in decimal.
print_number:
    addi    sp, sp, -32
    sw      ra, 28(sp)
    addi    t0, sp, 16                      # starting with the last digit
    mv      a1, zero
    li      t1, 10
1:  remu    t2, a0, t1
    divu    a0, a0, t1
    addi    t2, t2, '0'
    addi    t0, t0, -1
    sb      t2, (t0)
    addi    a1, a1, 1
    bnez    a0, 1b
    mv      a0, t0
    lw      a2, speaking_for
    call    write_lines
    lw      ra, 28(sp)
    addi    sp, sp, 32
    ret

# print_hex(a0: number): 0x and eight digits.
print_hex:
    addi    sp, sp, -32
    sw      ra, 28(sp)
    li      t0, '0'
    sb      t0, 4(sp)
    li      t0, 'x'
    sb      t0, 5(sp)
    addi    t0, sp, 6
    li      t2, 28
1:  srl     t1, a0, t2
    andi    t1, t1, 15
    sltiu   t3, t1, 10
    addi    t1, t1, '0'
    bnez    t3, 2f
    addi    t1, t1, 'a' - 10 - '0'
2:  sb      t1, (t0)
    addi    t0, t0, 1
    addi    t2, t2, -4
    bgez    t2, 1b
    addi    a0, sp, 4
    li      a1, 10
    lw      a2, speaking_for
    call    write_lines
    lw      ra, 28(sp)
    addi    sp, sp, 32
    ret

# write: straight from the program's memory, page by page.  The output of a call is never interleaved with
# another's, and the kernel is locked meanwhile: so it writes at most WRITE_MOST bytes, and returns how many.
call_write:
    enter   s2, s3, s4
    li      t0, WRITE_MOST
    bgeu    t0, a1, 0f
    mv      a1, t0
0:
    mv      s2, a0
    mv      s3, a1
    mv      s4, a1
1:  beqz    s3, 3f
    mv      a0, s2
    li      a1, PTE_R
    mv      a2, s1
    call    user_address
    beqz    a0, 4f
    li      a1, PAGE                        # a1: bytes up to the end of the page, or of the text
    slli    t0, s2, 20
    srli    t0, t0, 20
    sub     a1, a1, t0
    bltu    a1, s3, 2f
    mv      a1, s3
2:  add     s2, s2, a1
    sub     s3, s3, a1
    lw      a2, PROCESS_CONTAINER(s1)
    call    write_lines
    j       1b
3:  mv      a0, s4
    leave   s2, s3, s4
4:  li      a0, ERROR_ADDRESS
    leave   s2, s3, s4

# --- input -------------------------------------------------------------------------------------------------
# read: wait for a line, or return the rest of the last one.
call_read:
    enter   s2, s3
    mv      s2, a0
    mv      s3, a1
    beqz    a1, 2f
    mv      a2, s1                          # the line comes later: check now that it can be stored
    li      a1, PTE_W
    call    user_address
    beqz    a0, 1f
    add     a0, s2, s3
    addi    a0, a0, -1
    li      a1, PTE_W
    mv      a2, s1
    call    user_address
    beqz    a0, 1f
    sw      s2, THREAD_BUFFER(s0)
    sw      s3, THREAD_COUNT(s0)
    li      t0, THREAD_BLOCKED
    sw      t0, THREAD_STATE(s0)
    la      a0, readers
    mv      a1, s0
    call    enqueue
    call    serve_readers
    j       schedule
1:  li      a0, ERROR_ADDRESS
    leave   s2, s3
2:  li      a0, 0
    leave   s2, s3

console_interrupt:
    enter   s2, s3
    li      s2, PLIC + PLIC_CONTEXT_S
    lw      t0, PLIC_CLAIM(s2)
    beqz    t0, 1f
    mv      s3, t0
    call    fill_ring
    sw      s3, PLIC_CLAIM(s2)              # done: let the next one in
    call    serve_readers
    la      t1, interrupted
    lw      t0, (t1)
    beqz    t0, 1f
    sw      zero, (t1)
    call    interruptible
    beqz    a0, 1f
    li      a1, STATUS_KILLED
    call    process_kill
1:  leave   s2, s3

# fill_ring(): take the UART's input while there is room, and leave the rest.
fill_ring:
    li      t0, UART
    la      t1, ring
    lw      t2, ring_in
    lw      t3, ring_out
    li      t4, 1                           # t4: whether to enable the interrupt for more
1:  sub     t5, t2, t3
    li      t6, RING
    bgeu    t5, t6, 2f
    lbu     t5, UART_STATUS(t0)
    andi    t5, t5, UART_RECEIVED
    beqz    t5, 3f
    lbu     t5, UART_DATA(t0)
    li      t6, INTERRUPT_KEY
    bne     t5, t6, 5f
    la      t5, interrupted
    sw      t6, (t5)
    j       1b
5:  andi    t6, t2, RING - 1
    add     t6, t6, t1
    sb      t5, (t6)
    addi    t2, t2, 1
    j       1b
2:  li      t4, 0
3:  la      t1, ring_in
    sw      t2, (t1)
    lw      t1, ring_open
    beq     t1, t4, 4f
    la      t1, ring_open
    sw      t4, (t1)
    sb      t4, UART_INTERRUPTS(t0)
4:  ret

# forget_line(): drop what is left of the line that was read last, and what is edited.
forget_line:
    la      t0, line_begin
    sw      zero, (t0)
    la      t0, line_end
    sw      zero, (t0)
    la      t0, line_complete
    sw      zero, (t0)
    ret

# serve_readers(): while a reader waits and input is there, edit the line; deliver it when complete.
serve_readers:
    enter   s2, s3, s4
1:  call    next_reader
    mv      s2, a0
    beqz    s2, 9f
    lw      t0, line_complete
    bnez    t0, 6f
    lw      t0, ring_out
    lw      t1, ring_in
    bne     t0, t1, 2f
    lw      t0, ring_open
    bnez    t0, 9f
    call    fill_ring                       # there is room now
    lw      t0, ring_out
    lw      t1, ring_in
    beq     t0, t1, 9f
2:  la      t1, ring
    andi    t2, t0, RING - 1
    add     t1, t1, t2
    lbu     s3, (t1)                        # s3: the byte
    addi    t0, t0, 1
    la      t1, ring_out
    sw      t0, (t1)
    lw      s4, line_end
    li      t0, '\r'
    bne     s3, t0, 3f
    li      s3, '\n'
3:  li      t0, BACKSPACE
    beq     s3, t0, erase
    li      t0, DELETE
    beq     s3, t0, erase
    li      t0, END_OF_INPUT
    bne     s3, t0, 4f
    bnez    s4, 1b                          # only at the start of a line
    j       5f
4:  li      t0, '\n'
    beq     s3, t0, store
    li      t0, ' '
    bltu    s3, t0, 1b                      # no other control characters
    li      t0, LINE - 1
    bgeu    s4, t0, 1b                      # the line is full: accept only its end
store:
    la      t0, line
    add     t0, t0, s4
    sb      s3, (t0)
    mv      a0, t0
    li      a1, 1
    lw      a2, input_for
    call    write_lines
    addi    s4, s4, 1
    la      t0, line_end
    sw      s4, (t0)
    li      t0, '\n'
    bne     s3, t0, 1b
5:  la      t0, line_complete
    li      t1, 1
    sw      t1, (t0)
    j       1b
erase:
    beqz    s4, 1b
    addi    s4, s4, -1
    la      t0, line_end
    sw      s4, (t0)
    la      a0, erase_text
    li      a1, 3
    write_console
    j       1b

6:  lw      s3, line_begin                  # the reader s2 gets as much of the line as it asked for
    lw      s4, line_end
    sub     a2, s4, s3
    lw      t0, THREAD_COUNT(s2)
    bgeu    t0, a2, 7f
    mv      a2, t0
7:  sw      a2, FRAME_A0(s2)
    la      a1, line
    add     a1, a1, s3
    add     s3, s3, a2
    lw      a0, THREAD_BUFFER(s2)
    lw      a3, THREAD_PROCESS(s2)
    bne     s3, s4, 8f
    li      s3, 0                           # all of it is gone
    la      t0, line_end
    sw      zero, (t0)
    la      t0, line_complete
    sw      zero, (t0)
8:  la      t0, line_begin
    sw      s3, (t0)
    call    copy_to_user
    beqz    a0, 10f
    sw      a0, FRAME_A0(s2)                # its buffer is no longer mapped
10: mv      a0, s2
    call    unlink
    call    make_ready
    j       1b
9:  leave   s2, s3, s4

    .section .rodata
erase_text:
    .ascii  "\b \b"

    .data
    .balign 4
ring_in:                                    # total bytes in...
    .word   0
ring_out:                                   # ...and out
    .word   0
ring_open:                                  # whether the UART's interrupt is enabled
    .word   1
line_begin:
    .word   0
line_end:
    .word   0
line_complete:
    .word   0
interrupted:                                # whether Ctrl-C was typed
    .word   0
readers:                                    # queue
    .word   0, 0

    .bss
ring:
    .zero   RING
line:
    .zero   LINE
