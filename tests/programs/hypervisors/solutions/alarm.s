# alarm.s - sets an alarm by stimecmp, if there is one, and waits for it.
#
# stimecmp (and stimecmph, its upper half) is the timer of S mode of the extension Sstc: the interrupt is pending as
# soon as `time` has reached it.  Without it, a kernel asks its SBI for the same.

        .include "guest.inc"

        .equ    STIMECMP, 0x14d
        .equ    STIMECMPH, 0x15d
        .equ    STI, 1 << 5
        .equ    LATER, 5000                     # ticks of 100 ns
        .equ    BREAKPOINT, 3

main:   addi    sp, sp, -16
        sw      ra, (sp)
        li      a0, SPP
        la      a1, reads
        call    probe
        li      t0, BREAKPOINT
        bne     a0, t0, 2f
        rdtime  s1
        li      t0, LATER
        add     s1, s1, t0
        li      t0, -1                          # never, until both halves are set
        csrw    STIMECMP, t0
        csrw    STIMECMPH, zero
        csrw    STIMECMP, s1
        csrr    t0, STIMECMP
        bne     t0, s1, 3f
        csrr    s2, sip
        andi    s2, s2, STI
        bnez    s2, 3f                          # too early
        li      t0, STI
        csrw    sie, t0
        wfi
        csrr    s2, sip
        andi    s2, s2, STI
        beqz    s2, 3f                          # too late
        rdtime  t0
        bltu    t0, s1, 3f
        print   "alarm\n"
        j       4f
2:      print   "stimecmp is illegal here\n"
        j       4f
3:      print   "stimecmp is wrong\n"
4:      lw      ra, (sp)
        addi    sp, sp, 16
        ret

reads:  csrr    t1, STIMECMP
        csrr    t1, STIMECMPH
        ebreak
