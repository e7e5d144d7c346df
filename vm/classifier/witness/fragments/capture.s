# Save what the instruction left. @B@: the snapshot; @K@: bits of mstatus to clear at once; @T@ is free.
captured:                                   # reached in M mode, right after the instruction
    csrrc   @T@, mstatus, @K@
    sw      @T@, 12(@B@)
    li      @T@, -1
    sw      @T@, 0(@B@)
    li      @T@, PLACE + 4
    sw      @T@, 4(@B@)
    li      @T@, 3
    sw      @T@, 8(@B@)
    j       1f
    .balign 4
trapped:                                    # mtvec: a trap of the instruction, or of what follows it
    csrrc   @T@, mstatus, @K@
    sw      @T@, 12(@B@)
    srli    @T@, @T@, 11                        # MPP: the mode it came from
    andi    @T@, @T@, 3
    sw      @T@, 8(@B@)
    csrr    @T@, mepc
    sw      @T@, 4(@B@)
    csrr    @T@, mcause
    sw      @T@, 0(@B@)
1:
@WATCH@
    j       seen
