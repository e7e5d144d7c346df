# console.s - one console for all: lines of output with the guest's name before them, input for one guest at a time.
#
# A guest's output waits until its line ends, or until the guest pauses, so that lines of two guests do not mix and
# a line costs one call of the level below instead of one for each byte.  With a single guest nothing is added.
# Input goes to the guest that has the focus; Ctrl-] gives it to the next one.

    .include "warren.inc"

    .globl  console_prepare, put_byte, flush_line, poll_input, take_input, wants_input, change_focus
    .globl  focus, print_text, print_about, print_number, print_hex, print_newline

    .equ    NEXT_GUEST_KEY, 0x1d            # Ctrl-]

    .text
# console_prepare(): has the SBI below a call that prints more than one byte?
console_prepare:
    li      a0, SBI_DBCN
    li      a6, BASE_PROBE
    li      a7, SBI_BASE
    ecall
    bnez    a0, 1f
    sw      a1, prints_text, t0
1:  ret

# print(a0: text, a1: bytes): on the console below.
print:
    enter   s0, s1
    mv      s0, a0
    add     s1, a0, a1
1:  beq     s0, s1, 4f
    lw      t0, prints_text
    beqz    t0, 2f
    sub     a0, s1, s0
    sub     a1, s0, gp                      # its physical address
    li      a2, 0
    li      a6, DBCN_WRITE
    li      a7, SBI_DBCN
    ecall
    bnez    a0, 4f
    beqz    a1, 4f
    add     s0, s0, a1
    j       1b
2:  lbu     a0, (s0)
    li      a7, SBI_LEGACY_PUT
    ecall
    addi    s0, s0, 1
    j       1b
4:  leave   s0, s1

# put_byte(a0: byte): output of the guest.
put_byte:
    lw      t0, LINE_LENGTH(tp)
    add     t1, t0, tp
    sb      a0, LINE(t1)
    addi    t0, t0, 1
    sw      t0, LINE_LENGTH(tp)
    li      t1, LINE_SIZE
    beq     t0, t1, flush_line
    li      t1, '\n'
    beq     a0, t1, flush_line
    ret

# flush_line(): print what the guest's line has so far.
flush_line:
    lw      t0, LINE_LENGTH(tp)
    beqz    t0, 3f
    enter
    .if     GUESTS > 1
    lw      t0, line_owner
    lw      t1, GUEST_NUMBER(tp)
    addi    t1, t1, 1
    beq     t0, t1, 1f                      # its line goes on
    beqz    t0, 2f
    call    print_newline
2:  call    print_name
    la      a0, bar_text
    call    print_text
1:
    .endif
    lw      t0, LINE_LENGTH(tp)
    add     t0, t0, tp
    lbu     t0, LINE - 1(t0)
    addi    t0, t0, -'\n'
    lw      t1, GUEST_NUMBER(tp)
    addi    t1, t1, 1
    snez    t0, t0
    mul     t0, t0, t1
    sw      t0, line_owner, t1
    addi    a0, tp, LINE
    lw      a1, LINE_LENGTH(tp)
    sw      zero, LINE_LENGTH(tp)
    call    print
    leave
3:  ret

# --- input -------------------------------------------------------------------------------------------------
# wants_input(): a0: whether the guest with the focus wants to be interrupted by input that it does not have yet.
wants_input:
    lw      t0, focus
    li      t1, GUEST_SIZE
    mul     t0, t0, t1
    la      t1, guest_records
    add     t0, t0, t1
    li      a0, 0
    lw      t1, RING_IN(t0)
    lw      t2, RING_OUT(t0)
    bne     t1, t2, 1f
    lw      a0, UART_IER(t0)
    andi    a0, a0, UART_IER_RECEIVED
1:  ret

# poll_input(): take what the console below has, as far as there is room; a0: whether there was anything.
poll_input:
    enter   s0, s1
    mv      s0, tp
    li      s1, 0
1:  lw      t0, focus
    li      t1, GUEST_SIZE
    mul     t0, t0, t1
    la      tp, guest_records
    add     tp, tp, t0
    lw      t0, RING_IN(tp)
    lw      t1, RING_OUT(tp)
    sub     t1, t0, t1
    li      t2, RING_SIZE
    bgeu    t1, t2, 3f
    li      a7, SBI_LEGACY_GET
    ecall
    bltz    a0, 3f
    li      s1, 1
    .if     GUESTS > 1
    li      t0, NEXT_GUEST_KEY
    bne     a0, t0, 2f
    call    next_focus
    j       1b
2:
    .endif
    call    receive
    j       1b
3:  mv      tp, s0
    mv      a0, s1
    leave   s0, s1

# take_input(): a byte of input for the guest, or -1.
take_input:
    enter   s0
    lw      t0, RING_IN(tp)
    lw      t1, RING_OUT(tp)
    bne     t0, t1, 1f
    call    flush_line                      # it waits for an answer to what it has printed
    lw      t0, focus
    lw      t1, GUEST_NUMBER(tp)
    bne     t0, t1, 2f
    call    poll_input
    lw      t0, RING_IN(tp)
    lw      t1, RING_OUT(tp)
    beq     t0, t1, 2f
1:  andi    t0, t1, RING_SIZE - 1
    add     t0, t0, tp
    lbu     s0, RING(t0)
    addi    t1, t1, 1
    sw      t1, RING_OUT(tp)
    call    update_lines
    mv      a0, s0
    leave   s0
2:  li      a0, -1
    leave   s0

# change_focus(): the guest in tp has ended; if it had the focus, another one gets it, and the input that is left.
change_focus:
    lw      t0, focus
    lw      t1, GUEST_NUMBER(tp)
    bne     t0, t1, 1f
    enter   s0, s1
    mv      s0, tp
    call    next_focus
    lw      t0, focus
    li      t1, GUEST_SIZE
    mul     t0, t0, t1
    la      s1, guest_records
    add     s1, s1, t0
    beq     s0, s1, 3f                      # nobody is left
2:  lw      t0, RING_OUT(s0)
    lw      t1, RING_IN(s0)
    beq     t0, t1, 3f
    lw      t1, RING_IN(s1)
    lw      t2, RING_OUT(s1)
    sub     t1, t1, t2
    li      t2, RING_SIZE
    bgeu    t1, t2, 3f                      # no more room
    andi    t1, t0, RING_SIZE - 1
    add     t1, t1, s0
    lbu     a0, RING(t1)
    addi    t0, t0, 1
    sw      t0, RING_OUT(s0)
    mv      tp, s1
    call    receive
    j       2b
3:  mv      tp, s0
    leave   s0, s1
1:  ret

# receive(a0: byte): input for the guest in tp; there must be room.
receive:
    lw      t0, RING_IN(tp)
    andi    t1, t0, RING_SIZE - 1
    add     t1, t1, tp
    sb      a0, RING(t1)
    addi    t0, t0, 1
    sw      t0, RING_IN(tp)
    j       update_lines

# next_focus(): the next guest that has not ended, if any.  Changes t0 to t4.
next_focus:
    lw      t0, focus
    li      t1, GUESTS
    mv      t2, t1
1:  addi    t0, t0, 1
    bne     t0, t1, 2f
    li      t0, 0
2:  li      t3, GUEST_SIZE
    mul     t3, t3, t0
    la      t4, guest_records
    add     t3, t3, t4
    lw      t3, GUEST_STATE(t3)
    addi    t3, t3, -GUEST_ENDED
    bnez    t3, 3f
    addi    t2, t2, -1
    bnez    t2, 1b
    ret
3:  sw      t0, focus, t1
    j       poll_soon

# --- Warren's own messages -----------------------------------------------------------------------------------
# print_about(a0: text): begin a line about the guest in tp.
print_about:
    enter   s0
    mv      s0, a0
    lw      t0, line_owner
    beqz    t0, 1f
    call    print_newline
1:  la      a0, warren_text
    call    print_text
    call    print_name
    mv      a0, s0
    call    print_text
    leave   s0

# print_name(): of the guest in tp.
print_name:
    la      a0, guest_table
    lw      t0, GUEST_CONFIGURATION(tp)
    add     a0, a0, t0                      # CONFIGURED_NAME

# print_text(a0: text that ends with a zero byte)
print_text:
    mv      a1, a0
1:  lbu     t0, (a1)
    beqz    t0, 2f
    addi    a1, a1, 1
    j       1b
2:  sub     a1, a1, a0
    j       print

print_newline:
    sw      zero, line_owner, t0
    la      a0, newline_text
    li      a1, 1
    j       print

# print_number(a0: number): in decimal.
print_number:
    enter
    la      t0, digits_end
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
    call    print
    leave

# print_hex(a0: number): 0x and eight digits.
print_hex:
    enter
    la      t0, digits
    li      t1, '0'
    sb      t1, 0(t0)
    li      t1, 'x'
    sb      t1, 1(t0)
    li      t2, 28
1:  srl     t1, a0, t2
    andi    t1, t1, 15
    sltiu   t3, t1, 10
    addi    t1, t1, '0'
    bnez    t3, 2f
    addi    t1, t1, 'a' - 10 - '0'
2:  sb      t1, 2(t0)
    addi    t0, t0, 1
    addi    t2, t2, -4
    bgez    t2, 1b
    la      a0, digits
    li      a1, 10
    call    print
    leave

    .section .rodata
warren_text:
    .asciz  "warren: "
bar_text:
    .asciz  "| "
newline_text:
    .asciz  "\n"

    .data
    .balign 4
prints_text:                                # whether the SBI below has the extension DBCN
    .word   0
focus:                                      # number of the guest that gets input
    .word   0
line_owner:                                 # 1 more than the number of the guest whose line is not complete, or 0
    .word   0

    .bss
digits:
    .zero   12
digits_end:
