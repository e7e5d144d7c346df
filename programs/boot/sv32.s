# sv32.s - virtual memory: a page table, two names for one page, and page faults that are repaired.
#
# What it shows
#   An Sv32 address is two 10-bit indices and a 12-bit offset.  The first index selects an entry of the
#   root table: it is a leaf that maps 4 MiB at once, or points to a second table whose entries map 4 KiB
#   pages.  An entry that is not valid causes a page fault; the handler can make it valid and return to
#   the same instruction, which then succeeds: so memory can be given out on demand.
#   The hart marks a page that it reads (A) or writes (D) in the table.
#
# How to run it
#   trapline boot programs/boot/sv32.s

    .include "board.inc"
    .include "trap.inc"

    .equ    WINDOW, 0x40000000              # virtual addresses with nothing behind them at first
    .equ    PAGE, 4096

    .text
    .globl  _start
_start:
    bnez    a0, park
    la      t0, machine_trap
    csrw    mtvec, t0
    li      t0, -1
    csrw    pmpaddr0, t0
    li      t0, PMP_NAPOT | PMP_R | PMP_W | PMP_X
    csrw    pmpcfg0, t0
    li      t0, 1 << CAUSE_LOAD_PAGE | 1 << CAUSE_STORE_PAGE
    csrw    medeleg, t0
    la      t0, supervisor
    csrw    mepc, t0
    li      t0, STATUS_MPP
    csrc    mstatus, t0
    li      t0, STATUS_MPP_S
    csrs    mstatus, t0
    mret

# Everything that ends here is wanted: an ecall from S mode, with the status in a0.
machine_trap:
    csrr    t0, mcause
    li      t1, CAUSE_ECALL_S
    beq     t0, t1, finish
    li      a0, 1
    j       finish

supervisor:
    la      sp, stack_end
    la      t0, supervisor_trap
    csrw    stvec, t0
    la      t0, trap_stack_end
    csrw    sscratch, t0

    # An entry holds the physical page number from bit 10 on: address >> 12 << 10, or address >> 2.
    la      t0, root_table
    li      t1, RAM >> 2 | PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D
    li      t2, (RAM >> 22) * 4             # index 512: our code and data keep their addresses
    add     t2, t0, t2
    sw      t1, (t2)
    li      t1, UART >> 2 | PTE_V | PTE_R | PTE_W | PTE_A | PTE_D
    sw      t1, (UART >> 22) * 4(t0)        # index 64: so does the UART
    la      t1, window_table
    srli    t1, t1, 2
    ori     t1, t1, PTE_V                   # neither R, W nor X: points to the next table
    sw      t1, (WINDOW >> 22) * 4(t0)      # index 256

    srli    t0, t0, 12
    li      t1, SATP_SV32
    or      t0, t0, t1
    csrw    satp, t0                        # from the next instruction on, addresses are virtual
    sfence.vma

    li      s0, WINDOW
    li      s1, 0x600dcafe
    sw      s1, 0x123 * 4(s0)               # faults; the handler maps the page; this is done again
    lw      s2, 0x123 * 4(s0)
    li      a0, 1
    bne     s1, s2, end

    la      t0, frame                       # the same word by its other name
    lw      s3, 0x123 * 4(t0)
    li      a0, 2
    bne     s1, s3, end
    la      a0, same_word
    call    print_string
    mv      a0, s3
    call    print_hex
    call    print_newline

    li      t0, PAGE
    add     s0, s0, t0                      # the next page: a load this time
    lw      s2, (s0)
    call    show_marks
    sw      zero, (s0)
    call    show_marks
    li      a0, 0
end:
    ecall

# show_marks(): the A and D bits of the second entry of the window
show_marks:
    addi    sp, sp, -16
    sw      ra, 12(sp)
    sw      s0, 8(sp)
    la      t0, window_table
    lw      s0, 4(t0)
    la      a0, accessed
    call    print_string
    srli    a0, s0, 6
    andi    a0, a0, 1
    call    print_unsigned
    la      a0, dirty
    call    print_string
    srli    a0, s0, 7
    andi    a0, a0, 1
    call    print_unsigned
    call    print_newline
    lw      s0, 8(sp)
    lw      ra, 12(sp)
    addi    sp, sp, 16
    ret

# A page fault: stval is the virtual address.  Put a frame behind its page, if it is in the window.
supervisor_trap:
    trap_enter sscratch
    la      a0, page_fault
    call    print_string
    csrr    a0, scause
    call    print_unsigned
    la      a0, at_address
    call    print_string
    csrr    a0, stval
    call    print_hex
    call    print_newline

    csrr    t0, stval
    li      t1, WINDOW
    sub     t0, t0, t1
    li      t1, 2 * PAGE
    li      a0, 3
    bgeu    t0, t1, end                     # not ours to repair
    srli    t0, t0, 12                      # t0: number of the page in the window
    slli    t1, t0, 12
    la      t2, frame
    add     t1, t1, t2                      # t1: physical address of its frame
    srli    t1, t1, 2
    ori     t1, t1, PTE_V | PTE_R | PTE_W
    la      t2, window_table
    slli    t0, t0, 2
    add     t2, t2, t0
    sw      t1, (t2)
    csrr    t0, stval
    sfence.vma t0, zero                     # the hart may remember that the page was not there
    trap_leave sscratch
    sret                                    # to the instruction that faulted

    .include "console.inc"

    .section .rodata
page_fault:
    .asciz  "page fault, scause "
at_address:
    .asciz  ", address "
same_word:
    .asciz  "repaired; by its other name the word is "
accessed:
    .asciz  "accessed "
dirty:
    .asciz  ", dirty "

    .bss
    .balign PAGE                            # a table is 1024 entries and fills a page
root_table:
    .zero   PAGE
window_table:
    .zero   PAGE
frame:
    .zero   2 * PAGE
    .zero   1024
stack_end:
    .zero   1024
trap_stack_end:
