# terminals.s - one console for all containers: whose line is printed, and who gets what is typed.
#
# Lines of a container begin with its number and name, as in `2.web| hello`.  A line that another one
# interrupts is ended first, and control characters are shown as ^X, so nobody can write into, or forge, the
# line of another.  Lines of the host have no such mark.
# What is typed goes to one container at a time; foreground() says to which, and Ctrl-C ends that one.

    .include "burrow.inc"

    .globl  write_lines, end_line, switch_input, next_reader, interruptible, call_foreground
    .globl  line_of, input_for, speaking_for

    .equ    CARET, 0x40                     # a control character and its letter differ by this
    .equ    DELETE, 127

    .text
# write_lines(a0: from, a1: bytes, a2: container): print it at the console of the container.
write_lines:
    lw      t0, host + CONTAINER_NEXT       # without containers, nothing is marked
    bnez    t0, 1f
    mv      t6, ra
    write_console
    jr      t6
1:  enter   s2, s3, s4, s5, s6
    mv      s2, a0                          # s2: what is next, s3: the end
    add     s3, a0, a1
    mv      s4, a2
2:  beq     s2, s3, 9f
    lw      t0, line_of
    beqz    t0, 3f
    beq     t0, s4, 4f
    call    end_line                        # another one's line is not finished
3:  la      t0, line_of
    sw      s4, (t0)
    lw      t0, CONTAINER_NUMBER(s4)
    beqz    t0, 4f
    call    print_mark
4:  mv      s5, s2                          # s5: the end of what can be printed as it is
    li      s6, 0                           # s6: whether that ends the line
5:  beq     s5, s3, 7f
    lbu     t0, (s5)
    li      t1, '\n'
    beq     t0, t1, 6f
    lw      t2, CONTAINER_NUMBER(s4)
    beqz    t2, 51f
    li      t1, ' '
    bltu    t0, t1, 7f
    li      t1, DELETE
    beq     t0, t1, 7f
51: addi    s5, s5, 1
    j       5b
6:  addi    s5, s5, 1
    li      s6, 1
7:  sub     a1, s5, s2
    beqz    a1, 8f
    mv      a0, s2
    write_console
    mv      s2, s5
    beqz    s6, 2b
    la      t0, line_of
    sw      zero, (t0)
    j       2b
8:  lbu     t0, (s2)
    addi    s2, s2, 1
    xori    t0, t0, CARET
    la      a0, caret_text
    sb      t0, 1(a0)
    li      a1, 2
    write_console
    j       2b
9:  leave   s2, s3, s4, s5, s6

# print_mark(s4: container): its number and its name.
print_mark:
    enter   s5
    la      t0, mark + 12                   # the number, starting with the last digit
    lw      t1, CONTAINER_NUMBER(s4)
    li      t2, 10
1:  remu    t3, t1, t2
    divu    t1, t1, t2
    addi    t3, t3, '0'
    addi    t0, t0, -1
    sb      t3, (t0)
    bnez    t1, 1b
    mv      s5, t0
    la      t0, mark + 12
    li      t1, '.'
    sb      t1, (t0)
    lw      t1, CONTAINER_ROOT(s4)
2:  addi    t0, t0, 1
    lbu     t2, IMAGE_NAME(t1)
    sb      t2, (t0)
    addi    t1, t1, 1
    bnez    t2, 2b
    li      t1, '|'
    sb      t1, 0(t0)
    li      t1, ' '
    sb      t1, 1(t0)
    addi    a1, t0, 2
    sub     a1, a1, s5
    mv      a0, s5
    write_console
    leave   s5

# end_line(): end the line that is not finished.
end_line:
    enter
    la      t0, line_of
    sw      zero, (t0)
    la      a0, newline
    li      a1, 1
    write_console
    leave

# --- input -------------------------------------------------------------------------------------------------
# foreground(a0: process): Ctrl-C ends this one from now on.  If it is in a container, that gets what is typed,
# until foreground(0) or its end, and Ctrl-C ends it.  In a container the call has no effect.
call_foreground:
    enter   s2
    lw      t0, PROCESS_CONTAINER(s1)
    lw      t0, CONTAINER_NUMBER(t0)
    bnez    t0, 2f
    mv      s2, a0
    la      a0, host
    beqz    s2, 1f
    mv      a0, s2
    call    process_outer
    beqz    a0, 2f
    lw      a0, PROCESS_CONTAINER(a0)
    lw      t0, CONTAINER_NUMBER(a0)
    bnez    t0, 3f
1:  la      t0, foreground
    sw      s2, (t0)
    bnez    s2, 2f                          # a process of the host may have given the input to a container
3:  call    switch_input
2:  li      a0, 0
    leave   s2

# interruptible(): the process that Ctrl-C ends, or 0.
interruptible:
    lw      t0, input_for
    lw      a0, CONTAINER_FIRST(t0)
    bnez    a0, process_outer
    lw      a0, foreground
    bnez    a0, process_outer
    ret

# switch_input(a0: container): it gets what is typed from now on; but not the rest of a line that was for another.
switch_input:
    la      t0, input_for
    lw      t1, (t0)
    bne     a0, t1, 1f
    ret
1:  sw      a0, (t0)
    mv      t4, ra
    call    forget_line
    mv      ra, t4
    j       serve_readers

# next_reader(): the first thread that waits for input and may get it, or 0.
next_reader:
    lw      a0, readers + QUEUE_FIRST
    lw      t0, input_for
1:  beqz    a0, 2f
    lw      t1, THREAD_PROCESS(a0)
    lw      t1, PROCESS_CONTAINER(t1)
    beq     t0, t1, 2f
    lw      a0, THREAD_NEXT(a0)
    j       1b
2:  ret

    .section .rodata
newline:
    .ascii  "\n"

    .data
caret_text:
    .ascii  "^ "
    .balign 4
line_of:                                    # the container whose line is not finished, or 0
    .word   0
foreground:                                 # number of the process of the host that Ctrl-C ends
    .word   0
input_for:                                  # the container that gets what is typed
    .word   host
speaking_for:                               # the one at whose console the kernel's own messages appear
    .word   host

    .bss
mark:                                       # number, dot, name, edge
    .zero   12 + 1 + NAME_LENGTH + 2
