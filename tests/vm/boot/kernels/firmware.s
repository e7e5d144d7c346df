# firmware - M-mode firmware for one hart: takes struct fw_dynamic_info in a2, serves a small SBI, starts the kernel.
#
# Entered with the hart's number in a0 and the device tree in a1, like OpenSBI. It serves the legacy console, timer and
# shutdown calls, BASE, TIME and SRST, which is what a kernel for one hart needs.

        .equ    UART, 0x10000000
        .equ    MTIMECMP, 0x2004000
        .equ    FINISHER, 0x100000
        .equ    MAGIC, 0x4942534f
        .equ    MTIE, 1 << 7
        .equ    STIP, 1 << 5

        .globl  _start
_start: bnez    a0, park
        lw      t0, 0(a2)
        li      t1, MAGIC
        bne     t0, t1, fail
        lw      s0, 8(a2)               # next_addr
        la      t0, trap
        csrw    mtvec, t0
        la      t0, stack
        csrw    mscratch, t0
        li      t0, 0xb1ff
        csrw    medeleg, t0
        li      t0, 0x222
        csrw    mideleg, t0
        li      t0, 7
        csrw    mcounteren, t0
        li      t0, -1
        csrw    pmpaddr0, t0
        li      t0, 0x1f
        csrw    pmpcfg0, t0
        csrw    mie, zero
        csrw    satp, zero
        li      t0, 3 << 11
        csrc    mstatus, t0
        li      t0, 1 << 11
        csrs    mstatus, t0
        csrw    mepc, s0
        mret
park:   wfi
        j       park
fail:   li      t0, FINISHER
        li      t1, 0x13333
        sw      t1, (t0)
        j       fail

        .balign 4
trap:   csrrw   sp, mscratch, sp
        addi    sp, sp, -16
        sw      t0, 0(sp)
        sw      t1, 4(sp)
        csrr    t0, mcause
        bltz    t0, timer
        li      t1, 9
        bne     t0, t1, fail
        csrr    t0, mepc
        addi    t0, t0, 4
        csrw    mepc, t0
        beqz    a7, set_timer
        addi    t0, a7, -1
        beqz    t0, putchar
        addi    t0, a7, -2
        beqz    t0, getchar
        addi    t0, a7, -8
        beqz    t0, shutdown
        addi    t0, a7, -0x10
        beqz    t0, base
        li      t0, 0x54494d45
        beq     a7, t0, time
        li      t0, 0x53525354
        beq     a7, t0, shutdown
        li      a0, -2
        li      a1, 0
        j       done

timer:  li      t0, MTIE
        csrc    mie, t0
        li      t0, STIP
        csrs    mip, t0
done:   lw      t0, 0(sp)
        lw      t1, 4(sp)
        addi    sp, sp, 16
        csrrw   sp, mscratch, sp
        mret

time:   bnez    a6, none
        mv      t1, a1
        li      a1, 0
        j       1f
set_timer:
        mv      t1, a1
1:      li      t0, MTIMECMP
        sw      t1, 4(t0)               # the high word first: an early timer interrupt would be one too many
        sw      a0, 0(t0)
        li      a0, 0
        li      t0, STIP
        csrc    mip, t0
        li      t0, MTIE
        csrs    mie, t0
        j       done

putchar:
        li      t0, UART
1:      lbu     t1, 5(t0)
        andi    t1, t1, 0x20
        beqz    t1, 1b
        sb      a0, 0(t0)
        li      a0, 0
        j       done

getchar:
        li      t0, UART
        li      a0, -1
        lbu     t1, 5(t0)
        andi    t1, t1, 1
        beqz    t1, done
        lbu     a0, 0(t0)
        j       done

base:   addi    t0, a6, -3
        mv      t1, a0                  # the extension that is asked for
        li      a0, 0
        li      a1, 1 << 24             # version 1.0
        beqz    a6, done
        li      a1, 0
        bnez    t0, done
        li      t0, 0x54494d45
        beq     t1, t0, one
        li      t0, 0x53525354
        bne     t1, t0, done
one:    li      a1, 1
        j       done
none:   li      a0, -2
        li      a1, 0
        j       done

shutdown:
        li      t0, FINISHER
        li      t1, 0x5555
        sw      t1, (t0)
        j       shutdown

        .bss
        .balign 16
        .skip   1024
stack:
