# start.s - an SBI in M mode, for kernels in S mode where the machine brings none: its start, and its traps.
#
# `trapline boot` has an SBI of its own, and most installations of QEMU come with OpenSBI; this one is for those
# that do not, and to be read: what firmware does below a kernel, in a few hundred lines.
#
#     trapline asm programs/firmware/start.s programs/firmware/calls.s --text-base 0x80000000 -o sbi.elf
#     qemu-system-riscv32 -machine virt -nographic -bios sbi.elf -kernel KERNEL
#     trapline boot --bios sbi.elf --kernel KERNEL
#
# All harts begin here with their number in a0, the device tree's address in a1, and that of QEMU's fw_dynamic_info
# in a2, which says where the kernel begins.  Hart 0 starts it; the others wait to be started (HSM).
# calls.s has the chapters of the SBI specification 2.0 that are served: BASE, TIME, IPI, RFENCE, HSM, SRST, DBCN,
# and of the legacy calls set_timer, putchar, getchar and shutdown.

    .include "firmware.inc"

    .globl  _start, harts, has_sstc, park, do_wanted
    .globl  back, back_ok, back_zero, not_supported, invalid, invalid_address, available

    .text
_start:
    li      t0, MOST_HARTS
    bgeu    a0, t0, 2f
    la      s0, harts
    slli    t0, a0, HART_SHIFT
    add     s0, s0, t0
    csrw    mscratch, s0
    li      t0, (RAM | (FIRMWARE_SIZE / 2 - 1)) >> 2
    csrw    pmpaddr0, t0
    li      t0, -1
    csrw    pmpaddr1, t0
    li      t0, (PMP_NAPOT | PMP_R | PMP_W | PMP_X) << 8 | PMP_NAPOT
    csrw    pmpcfg0, t0
    li      t0, -1 & ~(1 << CAUSE_ECALL_S | 1 << 11)
    csrw    medeleg, t0
    li      t0, SSI | STI | SEI
    csrw    mideleg, t0
    li      t0, 7                           # cycle, time, instret
    csrw    mcounteren, t0
    la      t0, 4f                          # a machine without Sstc goes on there
    csrw    mtvec, t0
    li      t0, MENVCFGH_STCE
    csrs    MENVCFGH, t0
    li      t0, -1
    csrw    STIMECMP, t0
    csrw    STIMECMPH, t0
    la      t1, has_sstc
    sw      t0, (t1)
    .balign 4
4:  la      t0, trap
    csrw    mtvec, t0
    bnez    a0, 1f
    lw      t0, NEXT_ADDRESS(a2)
    sw      t0, HART_START(s0)
    sw      a1, HART_OPAQUE(s0)
    li      t0, STATE_STARTING
    sw      t0, HART_STATE(s0)
    li      t1, MTIMECMP                    # wait for the other harts, else a kernel may ask before they are here
    li      t2, MOST_HARTS - 1
    li      t3, -1
3:  addi    s0, s0, HART_SIZE
    addi    t1, t1, 8
    sw      t3, (t1)
    lw      t0, (t1)                        # only that of a hart keeps what is written
    beqz    t0, 6f
5:  lw      t0, HART_STATE(s0)
    beqz    t0, 5b
6:  addi    t2, t2, -1
    bnez    t2, 3b
    j       park
1:  li      t0, STATE_STOPPED
    sw      t0, HART_STATE(s0)
    j       park
2:  wfi                                     # more harts than records
    j       2b

# park: this hart waits until it is to start, and starts in S mode.
park:
    csrr    s0, mhartid
    slli    s1, s0, 2
    li      t0, CLINT
    add     s1, s1, t0                      # s1: its software interrupt
    la      s2, harts
    slli    t0, s0, HART_SHIFT
    add     s2, s2, t0
    csrw    mscratch, s2
    li      t0, MSI
    csrw    mie, t0
1:  lw      t0, HART_STATE(s2)
    li      t1, STATE_STARTING
    beq     t0, t1, 2f
    wfi
    sw      zero, (s1)
    fence   rw, rw
    j       1b
2:  fence   rw, rw
    sw      zero, (s1)
    sw      zero, HART_WANTED(s2)
    li      a0, -1                          # no timer
    li      a1, -1
    jal     t6, set_timer
    csrw    mip, zero
    csrw    satp, zero
    sfence.vma
    fence.i
    li      t0, STATUS_MPP | STATUS_SIE
    csrc    mstatus, t0
    li      t0, STATUS_MPP_S
    csrs    mstatus, t0
    lw      t0, HART_START(s2)
    csrw    mepc, t0
    csrw    stvec, t0
    mv      a0, s0
    lw      a1, HART_OPAQUE(s2)
    li      t0, STATE_STARTED
    fence   rw, rw
    sw      t0, HART_STATE(s2)
    mret

# --- traps: t0 to t6 are saved; the result of a call is in a0 and a1 -----------------------------------------
    .macro  for_saved instruction
    .irp    n, 0, 1, 2, 3, 4, 5, 6
    \instruction t\n, HART_SAVED + 4 * \n(sp)
    .endr
    .endm

    .balign 4
trap:
    csrrw   sp, mscratch, sp
    for_saved sw
    csrr    t0, mcause
    bltz    t0, interrupt
    li      t1, CAUSE_ECALL_S
    bne     t0, t1, failed                  # M mode itself has trapped
    csrr    t0, mepc
    addi    t0, t0, 4
    csrw    mepc, t0
    li      t0, EXTENSION_BASE
    bltu    a7, t0, legacy
    la      t0, extensions
1:  lw      t1, 0(t0)
    lw      t2, 4(t0)
    beqz    t1, 2f
    addi    t0, t0, 8
    bne     t1, a7, 1b
2:  jr      t2

back_zero:
    li      a1, 0
back_ok:
    li      a0, 0
back:
    for_saved lw
    csrrw   sp, mscratch, sp
    mret
not_supported:
    li      a0, -2
    j       2f
invalid:
    li      a0, -3
    j       2f
invalid_address:
    li      a0, -5
    j       2f
available:
    li      a0, -6
2:  li      a1, 0
    j       back
failed:
    li      t0, FINISHER
    li      t1, 255 << 16 | FINISHER_FAIL
    sw      t1, (t0)
    j       failed

interrupt:
    andi    t0, t0, 15
    li      t1, 3
    beq     t0, t1, 1f
    li      t0, STI                         # the timer: pass it on, then stay quiet until the next call
    csrs    mip, t0
    li      t0, INTERRUPT_MTI
    csrc    mie, t0
    j       back
1:  csrr    t0, mhartid
    slli    t0, t0, 2
    li      t1, CLINT
    add     t0, t0, t1
    sw      zero, (t0)
    fence   rw, rw
    jal     t6, do_wanted
    j       back

# do_wanted(sp: record; t6: return): what other harts want of this one.  Changes t0 and t1.
do_wanted:
    addi    t0, sp, HART_WANTED
    lw      t1, (t0)
    andi    t1, t1, WANTED_INTERRUPT
    beqz    t1, 1f
    csrsi   mip, SSI
1:  lw      t1, (t0)
    andi    t1, t1, WANTED_FENCE
    beqz    t1, 2f
    sfence.vma
    fence.i
2:  lw      t1, (t0)                        # done is what was seen; what came meanwhile has a new interrupt
    amoswap.w.aqrl t1, zero, (t0)
    andi    t1, t1, WANTED_INTERRUPT
    beqz    t1, 3f
    csrsi   mip, SSI
3:  jr      t6

    .data
    .balign 4
has_sstc:
    .word   0

    .bss
    .balign HART_SIZE
harts:
    .zero   HART_SIZE * MOST_HARTS
