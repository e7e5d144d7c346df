# calls.s - the calls of the SBI, one chapter of its specification after the other.
#
# start.s comes here at an `ecall`, with the caller's arguments in a0 to a5, its function in a6 and its extension
# in a7, and t0 to t6 to use; sp is the hart's record.  A call jumps to `back` with its results, or to an error.

    .include "firmware.inc"

    .globl  legacy, extensions, set_timer

    .text
legacy:
    beqz    a7, legacy_timer
    li      t0, 1
    beq     a7, t0, legacy_put
    li      t0, 2
    beq     a7, t0, legacy_get
    li      t0, 8
    li      a0, 0
    beq     a7, t0, power_off
    j       not_supported
legacy_timer:                               # these return a0 alone
    jal     t6, set_timer
    li      a0, 0
    j       back
legacy_put:
    mv      t2, a0
    jal     t6, put
    li      a0, 0
    j       back
legacy_get:
    jal     t6, get
    mv      a0, t2
    j       back

base:
    li      t0, 3
    beq     a6, t0, 2f
    bltu    t0, a6, 3f
    li      a1, 2 << 24                     # 0: version 2.0 of the specification
    beqz    a6, back_ok
    li      a1, 0x7473                      # 1: who has written it: no registered number
    li      t0, 1
    beq     a6, t0, back_ok
    li      a1, 1                           # 2: its version
    j       back_ok
2:  li      a1, 1                           # 3: is there such an extension?
    li      t0, LEGACY_CALLS
    bgeu    a0, a7, 4f
    srl     t0, t0, a0
    and     a1, a1, t0
    j       back_ok
4:  la      t0, extensions
1:  lw      t1, (t0)
    beqz    t1, back_zero
    addi    t0, t0, 8
    bne     t1, a0, 1b
    j       back_ok
3:  li      t0, 6                           # 4 to 6: mvendorid, marchid, mimpid
    bltu    t0, a6, not_supported
    j       back_zero

time:
    bnez    a6, not_supported
    jal     t6, set_timer
    j       back_zero

# set_timer(a0, a1: mtime; t6: return)
set_timer:
    lw      t0, has_sstc
    beqz    t0, 1f
    li      t0, -1                          # so that it is never earlier than both deadlines
    csrw    STIMECMPH, t0
    csrw    STIMECMP, a0
    csrw    STIMECMPH, a1
    jr      t6
1:  csrr    t0, mhartid
    slli    t0, t0, 3
    li      t1, MTIMECMP
    add     t0, t0, t1
    li      t1, -1
    sw      t1, 4(t0)
    sw      a0, 0(t0)
    sw      a1, 4(t0)
    li      t0, STI
    csrc    mip, t0
    li      t0, INTERRUPT_MTI
    csrs    mie, t0
    jr      t6

ipi:
    bnez    a6, not_supported
    li      t2, WANTED_INTERRUPT
    jal     t6, want
    bnez    a0, invalid
    j       back_zero

rfence:
    li      t0, 2                           # fence.i, sfence.vma, sfence.vma of an ASID: all by the whole
    bltu    t0, a6, not_supported
    li      t2, WANTED_FENCE
    jal     t6, want
    bnez    a0, invalid
    la      t2, harts                       # until all have done it
    li      t3, MOST_HARTS
1:  lw      t0, HART_WANTED(t2)
    andi    t0, t0, WANTED_FENCE
    beqz    t0, 2f
    jal     t6, do_wanted                   # the other one may be waiting for this one
    j       1b
2:  addi    t2, t2, HART_SIZE
    addi    t3, t3, -1
    bnez    t3, 1b
    j       back_zero

# want(a0: mask, a1: hart of bit 0, or -1: all harts; t2: what; t6: return): want it of each hart that has started.
# a0: not 0 if one does not exist.
want:
    li      t0, -1
    bne     a1, t0, 1f
    li      a1, 0
    li      a0, (1 << MOST_HARTS) - 1
    j       2f
1:  li      t3, 0                           # t3: hart, t4: bits to come
    bgeu    a1, t0, 9f
    li      t4, MOST_HARTS
    bgeu    a1, t4, 9f
    sll     t5, a0, a1                      # t5: by number
    srl     t3, t5, a1
    bne     t3, a0, 9f
    srli    t3, t5, MOST_HARTS
    bnez    t3, 9f
    mv      a0, t5
    la      t3, harts                       # do all exist?
    mv      t4, a0
3:  beqz    t4, 2f
    andi    t5, t4, 1
    beqz    t5, 4f
    lw      t5, HART_STATE(t3)
    beqz    t5, 9f
4:  srli    t4, t4, 1
    addi    t3, t3, HART_SIZE
    j       3b
2:  la      t3, harts
    li      t4, CLINT
    li      t1, STATE_STARTED
5:  beqz    a0, 7f
    andi    t5, a0, 1
    beqz    t5, 6f
    lw      t5, HART_STATE(t3)
    bne     t5, t1, 6f
    addi    t5, t3, HART_WANTED
    amoor.w.aqrl zero, t2, (t5)
    li      t5, 1
    sw      t5, (t4)
6:  srli    a0, a0, 1
    addi    t3, t3, HART_SIZE
    addi    t4, t4, 4
    j       5b
7:  jr      t6
9:  li      a0, -1
    jr      t6

hsm:
    li      t0, 1
    beq     a6, t0, hart_stop
    li      t0, 3
    beq     a6, t0, hart_suspend
    bltu    t0, a6, not_supported
    li      t0, MOST_HARTS
    bgeu    a0, t0, invalid
    la      t0, harts
    slli    t1, a0, HART_SHIFT
    add     t0, t0, t1
    lw      t1, HART_STATE(t0)
    beqz    t1, invalid
    beqz    a6, hart_start
    addi    a1, t1, -1                      # hart_get_status
    j       back_ok
hart_start:
    li      t2, STATE_STOPPED
    bne     t1, t2, available
    andi    t1, a1, 3
    bnez    t1, invalid_address
    li      t1, FIRMWARE_END
    bltu    a1, t1, invalid_address
    sw      a1, HART_START(t0)
    sw      a2, HART_OPAQUE(t0)
    fence   rw, rw
    li      t1, STATE_STARTING
    sw      t1, HART_STATE(t0)
    fence   rw, rw
    slli    t1, a0, 2
    li      t0, CLINT
    add     t0, t0, t1
    li      t1, 1
    sw      t1, (t0)
    j       back_zero
hart_stop:
    li      t0, STATE_STOPPED
    fence   rw, rw
    sw      t0, HART_STATE(sp)
    j       park
hart_suspend:                               # retentive: go on after the call
    bnez    a0, not_supported
    wfi
    j       back_zero

srst:
    bnez    a6, not_supported
    li      t0, 1
    bltu    t0, a1, invalid
    li      t0, 2
    bltu    t0, a0, invalid
    li      t1, FINISHER_RESET
    bnez    a0, 1f
    mv      a0, a1
power_off:                                  # a0: 0, or 1 after a failure
    li      t1, FINISHER_PASS
    beqz    a0, 1f
    li      t1, 1 << 16 | FINISHER_FAIL
1:  li      t0, FINISHER
    sw      t1, (t0)
2:  j       2b

dbcn:
    li      t0, 2
    bltu    t0, a6, not_supported
    beq     a6, t0, 3f
    bnez    a2, invalid                     # the upper half of the address
    li      t0, FIRMWARE_END
    bltu    a1, t0, invalid
    add     t3, a1, a0                      # t3: the end
    bltu    t3, a1, invalid
    mv      t4, a1
    mv      t5, a1
1:  beq     t4, t3, 2f
    bnez    a6, 4f
    lbu     t2, (t4)
    jal     t6, put
    addi    t4, t4, 1
    j       1b
4:  jal     t6, get
    bltz    t2, 2f
    sb      t2, (t4)
    addi    t4, t4, 1
    j       1b
2:  sub     a1, t4, t5                      # how many
    j       back_ok
3:  mv      t2, a0
    jal     t6, put
    j       back_zero

# put(t2: byte; t6: return): print it.  Changes t0 and t1.
put:
    li      t0, UART
1:  lbu     t1, UART_STATUS(t0)
    andi    t1, t1, UART_IDLE
    beqz    t1, 1b
    sb      t2, UART_DATA(t0)
    jr      t6

# get(t6: return): t2: a byte of input, -1 if there is none.  Changes t0 and t1.
get:
    li      t0, UART
    li      t2, -1
    lbu     t1, UART_STATUS(t0)
    andi    t1, t1, UART_RECEIVED
    beqz    t1, 1f
    lbu     t2, UART_DATA(t0)
1:  jr      t6

    .section .rodata
    .balign 4
extensions:
    .word   EXTENSION_BASE, base, EXTENSION_TIME, time, EXTENSION_IPI, ipi, EXTENSION_RFENCE, rfence
    .word   EXTENSION_HSM, hsm, EXTENSION_SRST, srst, EXTENSION_DBCN, dbcn, 0, not_supported
