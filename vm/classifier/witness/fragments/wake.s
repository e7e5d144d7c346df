    li      t0, MTIME                       # a timer interrupt soon ends a wait or a loop
    lw      t1, 4(t0)
    lw      t2, 0(t0)
    addi    t2, t2, 10
    li      t0, MTIMECMP
    sw      t1, 4(t0)
    sw      t2, 0(t0)
    li      t0, 1 << 7
    csrs    mie, t0
