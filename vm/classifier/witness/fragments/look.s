    # Does the hart still use the translation that is no longer in the table? 1: yes, 2: no
    sw      zero, @OFFSET@(@B@)
    csrr    @T@, satp
    li      @K@, @SATP@
    bne     @T@, @K@, 3f
    la      @T@, 2f
    csrw    mtvec, @T@
    li      @T@, AS_SUPERVISOR
    csrw    mstatus, @T@
    li      @K@, 0
    li      @T@, @MARKED@
    lw      @K@, (@T@)
    .balign 4
2:  csrw    mstatus, zero
    sw      @K@, @OFFSET@(@B@)
3:
