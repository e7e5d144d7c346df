# thief.s - looks for the vault's secret behind the end of its own RAM, where the RAM of the next guest lies.

        .include "guest.inc"
        .include "pause.inc"

        .equ    THERE, SECRET - RAM + RAM_END
        .equ    BREAKPOINT, 3

main:   addi    sp, sp, -16
        sw      ra, (sp)
        pause   20000
        li      a0, SPP
        la      a1, reads
        li      a2, THERE
        call    probe
        li      t0, BREAKPOINT
        bne     a0, t0, 1f
        li      a0, THERE
        call    print_text
        print   "\n"
        li      t0, THERE
        li      t1, '?'
        sb      t1, (t0)
        j       2f
1:      print   "nothing to read there\n"
2:      lw      ra, (sp)
        addi    sp, sp, 16
        ret

reads:  lw      t1, (a2)
        ebreak
