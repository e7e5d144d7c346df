# boot.s - from the SBI below to the first guest, and from the last one to the end.
#
# Warren begins in S mode, as every kernel over an SBI does, without translation, and needs nothing but that: no M
# mode, no device, no extension of the instruction set.  That is why it can be its own guest.

    .include "warren.inc"

    .globl  _start, shut_down, worst_status

    .text
_start:
    la      sp, stack_end
    li      gp, 0                           # Warren is at its physical addresses for now
    csrw    sie, zero
    csrw    scounteren, zero                # guests have clocks of their own
    li      t0, STATUS_FS | STATUS_VS | STATUS_SUM | STATUS_MXR | STATUS_SIE
    csrc    sstatus, t0
    call    console_prepare
    la      t0, no_memory                   # is all of the memory there that the guests were promised?
    csrw    stvec, t0
    li      t0, MEMORY_END - 4
    lw      t0, (t0)
    la      t0, own_trap
    csrw    stvec, t0

    la      t0, own_root                    # all of RAM at its addresses...
    li      t1, RAM >> 2 | PTE_WARREN
    li      t2, END_RAM_SLOT - FIRST_RAM_SLOT
    li      t4, FIRST_RAM_SLOT * 4
    add     t3, t0, t4
    li      t4, MEGAPAGE >> 2
1:  sw      t1, (t3)
    add     t1, t1, t4
    addi    t3, t3, 4
    addi    t2, t2, -1
    bnez    t2, 1b
    li      t1, BASE >> 2 | PTE_WARREN      # ...and the window
    li      t2, FIRST_WINDOW * 4
    add     t2, t2, t0
    sw      t1, (t2)
    srli    t0, t0, PAGE_SHIFT
    li      t1, SATP_SV32
    or      t0, t0, t1
    sw      t0, own_satp, t1
    sw      t0, root_now, t1
    csrw    satp, t0
    sfence.vma
    la      t0, 2f
    li      gp, (FIRST_WINDOW << MEGAPAGE_SHIFT) - BASE
    add     t0, t0, gp
    jr      t0
2:  la      sp, stack_end                   # in the window from here on
    la      t0, guest_trap
    csrw    stvec, t0
    call    guests_prepare
    li      t0, INTERRUPT_STI
    csrw    sie, t0
    j       schedule

# The load behind the end of RAM has trapped.
    .balign 4
no_memory:
    la      a0, no_memory_text
    call    print_text
    li      a0, 1
    j       power_off

# Warren has trapped before there was a guest: there is no way on.
    .balign 4
own_trap:
    la      a0, own_trap_text
    call    print_text
    li      a0, 1
    j       power_off

# shut_down: all guests have ended.  The machine ends with the worst of their statuses.
shut_down:
    .ifdef  STATISTICS
    call    print_statistics
    .endif
    lw      a0, worst_status
    beqz    a0, power_off
    slli    s0, a0, 16                      # an SBI can only say that something failed, the test finisher what
    li      t0, FINISHER_FAIL
    or      s0, s0, t0
    call    open_memory
    la      t0, own_root
    li      t1, PTE_WARREN & ~PTE_X         # the first megapage of the board at the first slot or the second
    la      t2, _start
    srli    t2, t2, MEGAPAGE_SHIFT
    seqz    t2, t2
    slli    t3, t2, 2
    add     t0, t0, t3
    sw      t1, (t0)
    sfence.vma
    slli    t2, t2, MEGAPAGE_SHIFT
    li      t0, FINISHER
    add     t2, t2, t0
    sw      s0, (t2)
    li      a0, 1

# power_off(a0: 0, or 1 for a failure)
power_off:
    mv      a1, a0
    li      a0, SRST_SHUTDOWN
    li      a6, SRST_RESET
    li      a7, SBI_SRST
    ecall
    li      a7, SBI_LEGACY_SHUTDOWN
    ecall
1:  wfi
    j       1b

    .section .rodata
no_memory_text:
    .ascii  "warren: its guests need "
    MEMORY_TEXT
    .asciz  " of RAM, more than there is\n"
own_trap_text:
    .asciz  "warren: trap during start-up\n"

    .data
    .balign 4
worst_status:
    .word   0
