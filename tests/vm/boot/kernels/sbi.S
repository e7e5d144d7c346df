# A small SBI for QEMU, which has none of its own for RV32: legacy calls, BASE, TIME, SRST. One hart.
# A kernel linked above it at BASE is entered in S mode with a0 = hart, a1 = device tree.
        .section .firmware, "ax"
        .globl  firmware
firmware:
        la      t0, save
        csrw    mscratch, t0
        la      t0, vector
        csrw    mtvec, t0
        li      t0, 0xb1ff              # all but ecalls from S and M
        csrw    medeleg, t0
        li      t0, 0x222
        csrw    mideleg, t0
        li      t0, -1
        csrw    mcounteren, t0
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        li      t0, 0x1800
        csrc    mstatus, t0
        li      t0, 0x880               # MPP = S, MPIE
        csrs    mstatus, t0
        la      t0, _start
        csrw    mepc, t0
        mret

        .balign 4
vector: csrrw   t0, mscratch, t0
        sw      t1, 0(t0)
        sw      t2, 4(t0)
        csrr    t1, mcause
        bltz    t1, timer
        li      t2, 9
        bne     t1, t2, stuck
        csrr    t1, mepc
        addi    t1, t1, 4
        csrw    mepc, t1
        li      t2, 1
        beq     a7, t2, putchar
        bltu    a7, t2, set_timer
        li      t2, 2
        beq     a7, t2, getchar
        li      t2, 8
        beq     a7, t2, off
        li      t2, 0x10
        beq     a7, t2, base
        li      t2, 0x54494d45
        beq     a7, t2, time
        li      t2, 0x53525354
        beq     a7, t2, off
        li      a0, -2                  # SBI_ERR_NOT_SUPPORTED
        li      a1, 0
        j       return

putchar:
        li      t1, 0x10000000
1:      lbu     t2, 5(t1)
        andi    t2, t2, 0x20
        beqz    t2, 1b
        sb      a0, 0(t1)
        li      a0, 0
        j       return
getchar:
        li      t1, 0x10000000
        lbu     t2, 5(t1)
        li      a0, -1
        andi    t2, t2, 1
        beqz    t2, return
        lbu     a0, 0(t1)
        j       return
base:   li      t2, 3                   # 3: whether an extension is there; the rest is about this SBI
        li      a1, 0
        bne     a6, t2, 1f
        li      a1, 1
        li      t2, 0x54494d45
        beq     a0, t2, 1f
        li      t2, 0x10
        beq     a0, t2, 1f
        li      t2, 0x53525354
        beq     a0, t2, 1f
        li      a1, 0
1:      li      a0, 0
        j       return
time:
set_timer:
        li      t1, 0x2004000
        li      t2, -1
        sw      t2, 4(t1)
        sw      a0, 0(t1)
        sw      a1, 4(t1)
        li      t1, 0x20                # STIP
        csrc    mip, t1
        li      t1, 0x80                # MTIP may interrupt again
        csrs    mie, t1
        li      a0, 0
        beqz    a7, return              # the legacy call leaves a1 alone
        li      a1, 0
return: lw      t2, 4(t0)
        lw      t1, 0(t0)
        csrrw   t0, mscratch, t0
        mret
timer:  li      t1, 0x80
        csrc    mie, t1
        li      t1, 0x20
        csrs    mip, t1
        j       return
off:    li      t1, 0x100000
        li      t2, 0x5555
        sw      t2, 0(t1)
stuck:  li      t1, 0x100000
        li      t2, 0x13333
        sw      t2, 0(t1)
        j       .
        .balign 4
save:   .zero   8
