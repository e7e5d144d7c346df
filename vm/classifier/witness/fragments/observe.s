# observe(a0: word, a1: entry, a2: snapshot): execute the word in a state and save what it leaves.
# All registers but sp are lost.
observe:
    addi    sp, sp, -16
    sw      ra, 12(sp)
    la      t0, stack_pointer
    sw      sp, (t0)
    la      t0, snapshot
    sw      a2, (t0)
    li      t0, PLACE
    li      t1, OTHER_FRAME
    add     t1, t0, t1
    sw      a0, (t0)
    sw      a0, (t1)
    csrw    mstatus, zero                   # begin with a quiet machine
    csrw    satp, zero
    li      t0, MTIMECMP
    li      t1, -1
    sw      t1, 4(t0)
    la      t0, trapped
    csrw    mtvec, t0
@QUIET@
    jr      a1

seen:                                       # from `captured` and `trapped`
    csrw    satp, zero
    csrw    mie, zero
    la      sp, stack_pointer
    lw      sp, (sp)
    lw      ra, 12(sp)
    addi    sp, sp, 16
    ret
