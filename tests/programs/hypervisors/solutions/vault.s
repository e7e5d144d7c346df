# vault.s - has a secret in its memory, waits, and looks whether it is still the same.

        .include "guest.inc"
        .include "pause.inc"

main:   addi    sp, sp, -16
        sw      ra, (sp)
        li      t0, SECRET
        la      t1, secret
1:      lbu     t2, (t1)
        sb      t2, (t0)
        addi    t0, t0, 1
        addi    t1, t1, 1
        bnez    t2, 1b
        pause   200000
        li      t0, SECRET
        la      t1, secret
2:      lbu     t2, (t0)
        lbu     t3, (t1)
        bne     t2, t3, 3f
        addi    t0, t0, 1
        addi    t1, t1, 1
        bnez    t3, 2b
        print   "my secret is untouched\n"
        j       4f
3:      print   "my secret has been changed\n"
4:      lw      ra, (sp)
        addi    sp, sp, 16
        ret

        .section .rodata
secret: .asciz  "the combination is 4711"
