# xv6.S - the trampoline page, the way to a user process and back, the timer in M mode, the user program itself.

        .text
        .globl  m_timer, run_user, to_user, trampoline, trap_from_user, user_code, user_code_end
        .macro  registers instruction
        .irp    n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27
        \instruction x\n, 4 * \n(a0)
        .endr
        .irp    n, 28, 29, 30, 31
        \instruction x\n, 4 * \n(a0)
        .endr
        .endm
        .section .trampoline, "ax"
        .balign 4096

# Mapped at the same address in every page table, so that satp can change under it.
trampoline:
trap_from_user:
        csrw    sscratch, a0
        li      a0, 0xffffe000
        registers sw
        csrr    t0, sscratch
        sw      t0, 40(a0)
        csrr    t0, sepc
        sw      t0, 0(a0)
        lw      sp, 128(a0)
        lw      tp, 140(a0)
        lw      t1, 136(a0)
        lw      t0, 132(a0)
        sfence.vma
        csrw    satp, t0
        sfence.vma
        jr      t1
to_user:
        sfence.vma
        csrw    satp, a0
        sfence.vma
        li      a0, 0xffffe000
        lw      t0, 0(a0)
        csrw    sepc, t0
        registers lw
        lw      a0, 40(a0)
        sret
        .text

# run_user(a0: frame, a1: satp): returns when the process has trapped
run_user:
        addi    sp, sp, -64
        sw      ra, 0(sp)
        sw      s0, 4(sp)
        sw      s1, 8(sp)
        sw      s2, 12(sp)
        sw      s3, 16(sp)
        sw      s4, 20(sp)
        sw      s5, 24(sp)
        sw      s6, 28(sp)
        sw      s7, 32(sp)
        sw      s8, 36(sp)
        sw      s9, 40(sp)
        sw      s10, 44(sp)
        sw      s11, 48(sp)
        sw      gp, 52(sp)
        sw      sp, 128(a0)
        sw      tp, 140(a0)
        la      t0, 1f
        sw      t0, 136(a0)
        csrr    t0, satp
        sw      t0, 132(a0)
        mv      a0, a1
        la      t0, to_user
        la      t1, trampoline
        sub     t0, t0, t1
        li      t1, 0xfffff000
        add     t0, t0, t1
        jr      t0
1:      lw      ra, 0(sp)
        lw      s0, 4(sp)
        lw      s1, 8(sp)
        lw      s2, 12(sp)
        lw      s3, 16(sp)
        lw      s4, 20(sp)
        lw      s5, 24(sp)
        lw      s6, 28(sp)
        lw      s7, 32(sp)
        lw      s8, 36(sp)
        lw      s9, 40(sp)
        lw      s10, 44(sp)
        lw      s11, 48(sp)
        lw      gp, 52(sp)
        addi    sp, sp, 64
        ret
        .balign 4

# mscratch leads to three words to save registers in, the address of mtimecmp, the interval
m_timer:
        csrrw   a0, mscratch, a0
        sw      a1, 0(a0)
        sw      a2, 4(a0)
        sw      a3, 8(a0)
        lw      a1, 12(a0)
        lw      a2, 16(a0)
        lw      a3, 0(a1)
        add     a3, a3, a2
        sltu    a2, a3, a2
        sw      a3, 0(a1)
        lw      a3, 4(a1)
        add     a3, a3, a2
        sw      a3, 4(a1)
        li      a1, 2
        csrw    sip, a1
        lw      a3, 8(a0)
        lw      a2, 4(a0)
        lw      a1, 0(a0)
        csrrw   a0, mscratch, a0
        mret
        .section .rodata

# A sum, in a page that appears when it is touched, and an exit with the sum
user_code:
        li      a7, 1
        ecall
        mv      s0, a0
        li      s1, 3000
        li      s2, 0x40000
        li      s3, 0
1:      add     s3, s3, s0
        lw      t0, 0(s2)
        add     t0, t0, s3
        sw      t0, 0(s2)
        addi    s1, s1, -1
        andi    t0, s1, 255
        bnez    t0, 2f
        li      a7, 2
        ecall
2:      bnez    s1, 1b
        li      s2, 0x40000
        lw      a0, 0(s2)
        li      a7, 3
        ecall
        .word   0
user_code_end:
