# hypercalls.s - with the symbol PARAVIRT: calls for a kernel that knows where it is, docs/hypercalls.md.
#
# Each does what would take the kernel several traps: store a page table entry and fence it, load all registers and
# return to its U mode.  An address is the caller's virtual one, checked as its own access would be.  A call that is
# refused has changed nothing.

    .include "warren.inc"

    .ifdef  PARAVIRT
    .globl  hypercall

    .equ    VERSION, 1
    .equ    LAST_HYPERCALL, 7
    .equ    RECORD, 128                     # bytes of pc and x1 to x31
    .equ    WRITE_MOST, 4096

    .text
# s3: the number, s4 to s6: arguments
hypercall:
    li      t0, LAST_HYPERCALL
    bltu    t0, s3, no_such_call
    la      t0, hypercalls
    slli    t1, s3, 2
    add     t1, t1, t0
    lw      t1, (t1)
    add     t0, t0, t1
    jr      t0

version:
    li      a1, VERSION
    j       succeeded_with

set_page_table:
    sw      s4, VHART_SATP(tp)
    li      s3, 1
    li      s4, 1
    call    fence
    j       succeeded

set_entry:
    andi    t0, s4, 3
    bnez    t0, bad_address
    mv      a0, s4
    li      a1, PTE_W
    call    accessible
    beqz    a0, bad_address
    sw      s5, (a0)
    mv      s1, s6                          # the page that it is for, or -1 for all
    addi    t0, s6, 1
    seqz    s3, t0
    li      s4, 1
    call    fence
    j       succeeded

set_interrupts:
    lw      t0, VHART_SSTATUS(tp)
    srli    a1, t0, 1
    andi    a1, a1, 1
    andi    t0, t0, ~STATUS_SIE
    andi    t1, s4, 1
    slli    t1, t1, 1
    or      t0, t0, t1
    sw      t0, VHART_SSTATUS(tp)
    j       succeeded_with

return_to_user:
    andi    t0, s4, 3
    bnez    t0, bad_address
    mv      a0, s4
    li      a1, PTE_R
    call    accessible
    beqz    a0, bad_address
    mv      s7, a0                          # s7: the record's first word, s8: its last, perhaps on another page
    mv      s2, t3                          # s2, s3: the entry that the walk has found, as it was
    mv      s3, t4
    addi    a0, s4, RECORD - 4
    li      a1, PTE_R
    call    accessible
    mv      s8, a0
    bnez    a0, 1f
    lw      t0, VHART_SATP(tp)
    bgez    t0, bad_address
    sw      s3, (s2)
    j       bad_address
1:  lw      t0, (s7)
    andi    t0, t0, ~3
    sw      t0, VHART_SEPC(tp)
    sw      s4, VHART_SSCRATCH(tp)
    addi    s8, s8, -(RECORD - 4)           # where it would begin, seen from its end
    srli    s5, s4, PAGE_SHIFT
    li      s2, 1                           # s2: number of the register
2:  slli    t0, s2, 2
    add     t1, s4, t0
    srli    t1, t1, PAGE_SHIFT
    mv      t2, s7
    beq     t1, s5, 3f
    mv      t2, s8
3:  add     t2, t2, t0
    lw      a1, (t2)
    mv      a0, s2
    call    write_register
    addi    s2, s2, 1
    li      t0, 32
    bne     s2, t0, 2b
    j       sret_instruction

console_write:
    li      t0, WRITE_MOST
    bgeu    t0, s5, 1f
    mv      s5, t0
1:  mv      s7, s4
    add     s8, s4, s5
2:  beq     s7, s8, 3f
    mv      a0, s7
    li      a1, PTE_R
    call    accessible
    beqz    a0, 4f
    lbu     a0, (a0)
    call    put_byte
    addi    s7, s7, 1
    j       2b
3:  sub     a1, s7, s4
    j       succeeded_with
4:  sub     a1, s7, s4                      # what came before is printed
    li      a0, INVALID_ADDRESS
    j       answer

set_timer:
    mv      a0, s4
    mv      a1, s5
    call    set_guest_timer
    j       succeeded

yield:
    sw      zero, VHART_A0(tp)
    sw      zero, VHART_A1(tp)
    csrr    t0, sepc
    addi    t0, t0, 4
    csrw    sepc, t0
    j       guest_waits

bad_address:
    li      a0, INVALID_ADDRESS
    j       failed

# accessible(a0: virtual address, a1: access): the real address for the guest's S mode, or 0.  Opens memory.
accessible:
    enter   s0, s1
    mv      s0, a0
    mv      s1, a1
    call    open_memory
    mv      a0, s0
    mv      a1, s1
    li      a2, 1
    call    walk
    beqz    a1, 1f
    call    real_page
    beqz    a0, 2f
    slli    a0, a0, PAGE_SHIFT
    slli    t0, s0, 32 - PAGE_SHIFT
    srli    t0, t0, 32 - PAGE_SHIFT
    add     a0, a0, t0
    leave   s0, s1
1:  li      a0, 0
2:  leave   s0, s1

    .section .rodata
    .balign 4
hypercalls:                                 # by number
    .word   version - hypercalls, set_page_table - hypercalls, set_entry - hypercalls, set_interrupts - hypercalls
    .word   return_to_user - hypercalls, console_write - hypercalls, set_timer - hypercalls, yield - hypercalls
    .endif
