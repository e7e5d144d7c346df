# report(a0: bits of mstatus to show): print where `before` and `after` differ
report:
    addi    sp, sp, -32
    sw      ra, 28(sp)
    sw      s0, 24(sp)
    sw      s1, 20(sp)
    sw      s2, 16(sp)
    la      s0, before
    la      s1, after
    lw      t0, 12(s0)
    and     t0, t0, a0
    sw      t0, 12(s0)
    lw      t0, 12(s1)
    and     t0, t0, a0
    sw      t0, 12(s1)
    lw      t0, 4(s1)                       # a trap at the instruction's address is its own;
    li      t1, PLACE                       # any other came after it
    bne     t0, t1, 1f
    lw      t0, 0(s1)
    bltz    t0, 1f                          # an interrupt
    la      a0, traps
    call    print
    lw      a0, 0(s1)
    call    print_hex
    la      a0, end_of_line
    call    print
    j       4f
1:  la      a0, executes
    call    print
    la      s2, names
2:  lw      a0, (s2)                        # name, whether to print it even if equal
    beqz    a0, 4f
    addi    s0, s0, 4
    addi    s1, s1, 4
    lw      t0, (s0)
    lw      t1, (s1)
    bne     t0, t1, 3f
    lw      t0, 4(s2)
    beqz    t0, 5f
3:  call    print
    lw      a0, (s0)
    call    print_hex
    la      a0, arrow
    call    print
    lw      a0, (s1)
    call    print_hex
    la      a0, end_of_line
    call    print
5:  addi    s2, s2, 8
    j       2b
4:  lw      s2, 16(sp)
    lw      s1, 20(sp)
    lw      s0, 24(sp)
    lw      ra, 28(sp)
    addi    sp, sp, 32
    ret

print:                                      # a0: a zero-terminated string
    li      t0, UART
1:  lbu     t1, (a0)
    beqz    t1, 2f
    sb      t1, (t0)
    addi    a0, a0, 1
    j       1b
2:  ret

print_hex:                                  # a0: a word
    li      t0, UART
    li      t1, 28
1:  srl     t2, a0, t1
    andi    t2, t2, 15
    sltiu   t3, t2, 10
    addi    t2, t2, '0'
    bnez    t3, 2f
    addi    t2, t2, 'a' - 10 - '0'
2:  sb      t2, (t0)
    addi    t1, t1, -4
    bgez    t1, 1b
    ret

    .section .rodata
executes:
    .asciz  "  executes\n"
traps:
    .asciz  "  traps, cause "
arrow:
    .asciz  " -> "
end_of_line:
    .asciz  "\n"
