# pmp.s - physical memory protection: keep U mode, and even M mode, away from parts of memory.
#
# What it shows
#   Each PMP entry names a region and what may be done there; the first entry that matches decides.
#   Here entry 0 is a page nobody in U mode may touch, entry 1 a page that may only be read, entry 2
#   everything.  A NAPOT region of 2 to the power of n bytes is written as address >> 2 with n - 3 ones
#   at the end.  U mode tries what is forbidden; M mode reports each trap and lets it go on.  M mode is
#   held back by locked entries only: the last part locks entry 1 and tries a store itself.
#
# How to run it
#   trapline boot programs/boot/pmp.s

    .include "board.inc"
    .include "trap.inc"

    .equ    PAGE, 4096
    .equ    NAPOT_PAGE, (PAGE >> 3) - 1     # the ones at the end

    .text
    .globl  _start
_start:
    bnez    a0, park
    la      t0, trap
    csrw    mtvec, t0
    la      t0, trap_stack_end
    csrw    mscratch, t0

    la      t0, secret
    srli    t0, t0, 2
    ori     t0, t0, NAPOT_PAGE
    csrw    pmpaddr0, t0
    la      t0, constants
    srli    t0, t0, 2
    ori     t0, t0, NAPOT_PAGE
    csrw    pmpaddr1, t0
    li      t0, -1
    csrw    pmpaddr2, t0
    li      t0, PMP_NAPOT | (PMP_NAPOT | PMP_R) << 8 | (PMP_NAPOT | PMP_R | PMP_W | PMP_X) << 16
    csrw    pmpcfg0, t0                     # one byte for each entry

    la      t0, user
    csrw    mepc, t0
    li      t0, STATUS_MPP
    csrc    mstatus, t0
    mret

user:
    la      s0, secret
    la      s1, constants
    lw      t0, (s0)                        # denied: 5, load access fault
    sw      t0, (s0)                        # denied: 7, store access fault
    lw      t0, (s1)                        # allowed
    sw      t0, (s1)                        # denied
    jalr    s1                              # denied: 1, instruction access fault
    ecall

machine:                                    # U mode is done
    la      a0, in_machine
    call    print_string
    la      s0, secret
    sw      zero, (s0)                      # no entry binds M mode...
    li      t0, (PMP_NAPOT | PMP_R | PMP_LOCK) << 8
    csrs    pmpcfg0, t0                     # ...until it is locked
    la      s1, constants
    sw      zero, (s1)                      # denied now
    csrw    pmpcfg0, zero                   # and a locked entry does not change any more
    csrr    a0, pmpcfg0
    call    print_hex
    call    print_newline
    li      a0, 0
    call    finish

trap:
    trap_enter mscratch
    csrr    t0, mcause
    li      t1, CAUSE_ECALL_U
    beq     t0, t1, ecall_from_user

    la      a0, denied
    call    print_string
    csrr    a0, mcause
    call    print_unsigned
    la      a0, what_page
    call    print_string
    csrr    t0, mtval
    la      t1, secret
    sub     t0, t0, t1
    la      a0, page_secret
    li      t1, PAGE
    bltu    t0, t1, 1f
    la      a0, page_constants
1:  call    print_string

    csrr    t0, mepc
    addi    t0, t0, 4                       # go on behind it...
    csrr    t1, mcause
    li      t2, CAUSE_INSTRUCTION_ACCESS
    bne     t1, t2, 2f
    lw      t0, FRAME_RA(sp)                # ...or, if the jump itself arrived nowhere, where it left off
2:  csrw    mepc, t0
    trap_leave mscratch
    mret

ecall_from_user:
    la      t0, machine
    csrw    mepc, t0
    li      t0, STATUS_MPP
    csrs    mstatus, t0                     # MPP = 3: return to M mode
    trap_leave mscratch
    la      sp, stack_end
    mret

    .include "console.inc"

    .section .rodata
denied:
    .asciz  "denied, mcause "
what_page:
    .asciz  ", page: "
page_secret:
    .asciz  "secret\n"
page_constants:
    .asciz  "constants\n"
in_machine:
    .asciz  "M mode: may write the secret page, locks the other one\n"

    .bss
    .balign PAGE
constants:
    .zero   PAGE
secret:
    .zero   PAGE
    .zero   1024
stack_end:
    .zero   1024
trap_stack_end:
