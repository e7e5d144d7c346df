    li      t0, AS_SUPERVISOR               # let the hart cache a translation, then change the table
    csrw    mstatus, t0
    li      t0, @MARKED@
    lw      zero, (t0)
    csrw    mstatus, zero
    li      t0, @LEAF@
    li      t1, @SECOND@
    sw      t1, (t0)
