# sbi.s - the SBI that a guest finds below itself, as Warren has found one.
#
# The extension is in a7, the function in a6, arguments in a0 to a4.  The answer is an error in a0 and a value in a1;
# the legacy calls, 0 to 8, answer a0 alone.  A call of U mode is none of ours: the guest's kernel gets it.

    .include "warren.inc"

    .globl  environment_call, no_such_call, succeeded, succeeded_with, failed, answer

    .equ    SPECIFICATION, 2 << 24          # version 2.0
    .equ    IMPLEMENTATION, 0x7477          # not a registered number: the letters "tw"
    .equ    NO_SUCH_CALL, -2                # SBI_ERR_NOT_SUPPORTED
    .equ    INVALID, -3                     # SBI_ERR_INVALID_PARAM
    .equ    ALREADY, -6                     # SBI_ERR_ALREADY_AVAILABLE
    .equ    ALL_HARTS, -1                   # as hart_mask_base

    .text
environment_call:
    lw      t0, VHART_MODE(tp)
    beqz    t0, reflect_call
    count   STAT_CALL
    lw      s2, VHART_A7(tp)
    lw      s3, VHART_A6(tp)
    lw      s4, VHART_A0(tp)
    lw      s5, VHART_A1(tp)
    lw      s6, VHART_A2(tp)
    li      t0, 9
    bltu    s2, t0, legacy
    la      t0, extensions
1:  lw      t1, (t0)
    beqz    t1, no_such_call
    beq     t1, s2, 2f
    addi    t0, t0, 8
    j       1b
2:  lw      t1, 4(t0)
    la      t0, extensions
    add     t0, t0, t1
    jr      t0

reflect_call:
    li      a0, CAUSE_ECALL_U
    li      a1, 0
    j       inject_exception

no_such_call:
    li      a0, NO_SUCH_CALL
    j       failed
invalid:
    li      a0, INVALID
failed:
    li      a1, 0
    j       answer
succeeded:
    li      a1, 0
succeeded_with:
    li      a0, SBI_SUCCESS
answer:
    sw      a1, VHART_A1(tp)
    sw      a0, VHART_A0(tp)
    j       advance

# --- BASE ----------------------------------------------------------------------------------------------------
base_call:
    li      t0, 6
    bltu    t0, s3, no_such_call
    la      t0, base_values
    slli    t1, s3, 2
    add     t0, t0, t1
    lw      a1, (t0)
    li      t0, BASE_PROBE
    bne     s3, t0, succeeded_with
    li      a1, 1
    li      t0, 9
    bltu    s4, t0, succeeded_with
    la      t0, extensions
1:  lw      t1, (t0)
    beqz    t1, succeeded
    beq     t1, s4, succeeded_with
    addi    t0, t0, 8
    j       1b

# --- TIME, IPI, RFENCE ---------------------------------------------------------------------------------------
timer_call:
    bnez    s3, no_such_call
    mv      a0, s4
    mv      a1, s5
    call    set_guest_timer
    j       succeeded

ipi_call:
    bnez    s3, no_such_call
    call    hart_chosen
    bltz    a0, invalid
    beqz    a0, succeeded
    lw      t0, VHART_SIP(tp)
    ori     t0, t0, INTERRUPT_SSI
    sw      t0, VHART_SIP(tp)
    j       succeeded

fence_call:
    li      t0, 2
    bltu    t0, s3, no_such_call            # those for hypervisors
    call    hart_chosen
    bltz    a0, invalid
    beqz    a0, succeeded
    fence.i
    beqz    s3, succeeded
    li      s3, 1                           # whatever the range: all of it
    li      s4, 1
    call    fence
    j       succeeded

# hart_chosen(): 1 if hart_mask s4 from hart_mask_base s5 on means hart 0, 0 if it means none, -1 if there is no such.
hart_chosen:
    li      a0, 1
    li      t0, ALL_HARTS
    beq     s5, t0, 1f
    li      a0, -1
    bnez    s5, 1f
    srli    t0, s4, 1
    bnez    t0, 1f
    mv      a0, s4
1:  ret

# --- HSM: one hart, which is started ---------------------------------------------------------------------------
hsm_call:
    li      t0, 3
    bltu    t0, s3, no_such_call
    beq     s3, t0, suspend
    li      t0, 1
    beq     s3, t0, 1f
    bnez    s4, invalid
    beqz    s3, 2f
    j       succeeded                       # its state: started
2:  li      a0, ALREADY
    j       failed
1:  li      a0, 0                           # stopped, with nobody to start it again
    j       guest_ends
suspend:
    slli    t0, s4, 1
    bnez    t0, invalid                     # neither retentive (0) nor not (1 << 31)
    bnez    s4, 3f
    sw      zero, VHART_A0(tp)
    sw      zero, VHART_A1(tp)
    csrr    t0, sepc
    addi    t0, t0, 4
    csrw    sepc, t0
    j       guest_waits
3:  andi    t0, s5, 3
    bnez    t0, 4f
    srli    a0, s5, PAGE_SHIFT
    call    real_page
    beqz    a0, 4f
    csrw    sepc, s5                        # as it began, but for what is enabled and pending
    sw      s5, VHART_STVEC(tp)
    sw      zero, VHART_A0(tp)
    sw      s6, VHART_A1(tp)
    sw      zero, VHART_SATP(tp)
    sw      zero, VHART_SSCRATCH(tp)
    lw      t0, VHART_SSTATUS(tp)
    andi    t0, t0, ~STATUS_SIE
    sw      t0, VHART_SSTATUS(tp)
    call    find_context
    call    choose_root
    j       guest_waits
4:  li      a0, INVALID_ADDRESS
    j       failed

# --- SRST ----------------------------------------------------------------------------------------------------
reset_call:
    bnez    s3, no_such_call
    li      t0, 2
    bltu    t0, s4, invalid
    li      t0, 1
    bltu    t0, s5, invalid
    mv      a0, s5                          # the reason: 1 for a failure
    beqz    s4, guest_ends
    j       guest_resets

# --- DBCN ----------------------------------------------------------------------------------------------------
# s4: bytes, s5 and s6: address
console_call:
    li      t0, 2
    bltu    t0, s3, no_such_call
    bne     s3, t0, 1f
    mv      a0, s4
    andi    a0, a0, 0xff
    call    put_byte
    j       succeeded
1:  bnez    s6, invalid
    call    buffer
    beqz    a0, invalid
    mv      s7, a0                          # s7: where it is, s8: where it ends
    mv      s5, a0
    call    open_memory
    beqz    s3, 3f
    li      t0, RING_SIZE                   # read: as much as there is, within reason
    bltu    s4, t0, 2f
    mv      s4, t0
2:  add     s8, s7, s4
4:  beq     s7, s8, 6f
    call    take_input
    bltz    a0, 6f
    sb      a0, (s7)
    addi    s7, s7, 1
    j       4b
3:  add     s8, s7, s4                      # write
5:  beq     s7, s8, 6f
    lbu     a0, (s7)
    call    put_byte
    addi    s7, s7, 1
    j       5b
6:  sub     a1, s7, s5
    j       succeeded_with

# buffer(): the real address of s4 bytes at the guest's physical address s5, or 0 if it is not all RAM.
buffer:
    li      t0, RAM
    sub     t1, s5, t0
    bltu    s5, t0, 1f
    lw      t0, GUEST_PAGES(tp)
    slli    t0, t0, PAGE_SHIFT              # less than 4 GiB
    bltu    t0, t1, 1f
    sub     t0, t0, t1
    bltu    t0, s4, 1f
    li      t0, PAGE                        # at most, so that the others get their turn
    bgeu    t0, s4, 2f
    mv      s4, t0
2:  lw      a0, GUEST_PAGE(tp)
    slli    a0, a0, PAGE_SHIFT
    add     a0, a0, t1
    ret
1:  li      a0, 0
    ret

# --- the legacy calls -----------------------------------------------------------------------------------------
legacy:
    la      t0, legacy_calls
    slli    t1, s2, 2
    add     t1, t1, t0
    lw      t1, (t1)
    add     t0, t0, t1
    jr      t0
legacy_timer:
    mv      a0, s4
    mv      a1, s5
    call    set_guest_timer
    j       legacy_done
legacy_put:
    andi    a0, s4, 0xff
    call    put_byte
    j       legacy_done
legacy_get:
    call    take_input
    j       legacy_answer
legacy_clear:
    lw      t0, VHART_SIP(tp)
    andi    t0, t0, ~INTERRUPT_SSI
    sw      t0, VHART_SIP(tp)
    j       legacy_done
legacy_ipi:
    call    legacy_mask
    beqz    a0, legacy_done
    lw      t0, VHART_SIP(tp)
    ori     t0, t0, INTERRUPT_SSI
    sw      t0, VHART_SIP(tp)
    j       legacy_done
legacy_fence:
    call    legacy_mask
    beqz    a0, legacy_done
    fence.i
    li      t0, 5
    beq     s2, t0, legacy_done
    li      s3, 1
    li      s4, 1
    call    fence
    j       legacy_done
legacy_shutdown:
    li      a0, 0
    j       guest_ends
legacy_done:
    li      a0, 0
legacy_answer:
    sw      a0, VHART_A0(tp)
    j       advance

# legacy_mask(): whether the mask at the guest's virtual address s4 has hart 0; a null pointer means all harts.
# The load is the guest's: it may fault.
legacy_mask:
    beqz    s4, 1f
    enter
    call    open_memory
    mv      a0, s4
    li      a1, PTE_R
    li      a2, 1
    call    walk
    beqz    a1, 3f
    call    real_page
    beqz    a0, 4f
    slli    a0, a0, PAGE_SHIFT
    slli    t0, s4, 32 - PAGE_SHIFT
    srli    t0, t0, 32 - PAGE_SHIFT
    add     a0, a0, t0
    lbu     a0, (a0)
    andi    a0, a0, 1
    leave
3:  mv      t0, a0
    li      a0, CAUSE_LOAD_PAGE
    bnez    t0, 2f
4:  li      a0, CAUSE_LOAD_ACCESS
2:  mv      a1, s4
    j       inject_exception                # the stack begins anew at the next trap
1:  li      a0, 1
    ret

    .section .rodata
    .balign 4
base_values:                                # by function
    .word   SPECIFICATION, IMPLEMENTATION, 1, 0, 0, 0, 0
extensions:
    .ifdef  PARAVIRT
    .word   SBI_HYPERCALLS, hypercall - extensions
    .endif
    .word   SBI_BASE, base_call - extensions
    .word   SBI_TIME, timer_call - extensions
    .word   SBI_IPI, ipi_call - extensions
    .word   SBI_RFENCE, fence_call - extensions
    .word   SBI_HSM, hsm_call - extensions
    .word   SBI_SRST, reset_call - extensions
    .word   SBI_DBCN, console_call - extensions
    .word   0
legacy_calls:                               # by extension
    .word   legacy_timer - legacy_calls, legacy_put - legacy_calls, legacy_get - legacy_calls
    .word   legacy_clear - legacy_calls, legacy_ipi - legacy_calls, legacy_fence - legacy_calls
    .word   legacy_fence - legacy_calls, legacy_fence - legacy_calls, legacy_shutdown - legacy_calls
