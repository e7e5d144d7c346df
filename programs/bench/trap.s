# trap.s - a benchmark of traps: two million round trips from U mode to M mode and back by ecall and mret.
#
# Boot it: trapline boot programs/bench/trap.s

    .equ    ROUNDS, 2000000
    .equ    FINISHER, 0x100000
    .equ    PASS, 0x5555

    .globl  _start
_start:
    la      t0, handler
    csrw    mtvec, t0
    li      t0, -1                          # PMP entry 0: all of memory, all rights, for U mode
    csrw    pmpaddr0, t0
    li      t0, 0x1f
    csrw    pmpcfg0, t0
    li      s0, ROUNDS
    la      t0, user
    csrw    mepc, t0
    li      t0, 0x1800                      # mstatus.MPP = U
    csrc    mstatus, t0
    mret

user:
    ecall
    addi    s0, s0, -1
    bnez    s0, user
    li      a7, 1                           # ask for the end
    ecall

    .balign 4
handler:
    bnez    a7, done
    csrr    t0, mepc
    addi    t0, t0, 4
    csrw    mepc, t0
    mret
done:
    li      t0, FINISHER
    li      t1, PASS
    sw      t1, (t0)
1:  j       1b
