# allocator.s - a bump allocator: the simplest way to hand out memory, on top of the brk system call.
#
# What it shows
#   Where a heap comes from.  The system keeps one address, the program break, up to which the program
#   owns memory; brk(new) moves it, brk(0) only asks.  The allocator keeps a pointer, aligns it, moves it
#   up ("bumps" it) by the size wanted, and moves the break when it would pass it.  Nothing is freed one
#   by one: to free everything allocated since a moment, put the pointer back where it was.
#
# How to run it
#   trapline run programs/allocator.s

    .equ    SYS_BRK, 214
    .equ    GROWTH, 16384                   # how far to move the break at a time, in bytes
    .equ    NODES, 5000

    .data
    .balign 4
heap_next:                                  # first free byte
    .word   0
heap_end:                                   # the program break
    .word   0

    .section .rodata
aligned:
    .asciz  "5 bytes, then 8 aligned to 64: distance "
list_sum:
    .asciz  "a list of 5000 nodes adds up to "
same_again:
    .asciz  "after the release the same address comes back\n"
refused:
    .asciz  "2 GiB are refused\n"
failed:
    .asciz  "failed\n"

    .text
    .globl  _start
_start:
    call    heap_begin

    li      a0, 1                           # a first block at a multiple of 64, to measure from
    li      a1, 64
    call    allocate
    mv      s0, a0
    li      a0, 5
    li      a1, 1
    call    allocate
    li      a0, 8
    li      a1, 64
    call    allocate
    sub     s1, a0, s0                      # 1 + 5 bytes, rounded up
    la      a0, aligned
    call    print_string
    mv      a0, s1
    call    print_unsigned
    call    print_newline

    lw      s11, heap_next                  # s11: the moment to go back to
    li      s0, 0                           # s0: head of the list, 0 at its end
    li      s1, NODES
1:  li      a0, 8                           # a node is a next pointer and a value
    li      a1, 4
    call    allocate
    beqz    a0, fail
    sw      s0, 0(a0)
    sw      s1, 4(a0)
    mv      s0, a0
    addi    s1, s1, -1
    bnez    s1, 1b

    mv      s2, s0
    li      s3, 0
2:  lw      t0, 4(s2)
    add     s3, s3, t0
    lw      s2, 0(s2)
    bnez    s2, 2b
    la      a0, list_sum
    call    print_string
    mv      a0, s3
    call    print_unsigned                  # 5000 * 5001 / 2
    call    print_newline

    sw      s11, heap_next, t0              # release all nodes at once
    li      a0, 8
    li      a1, 4
    call    allocate
    bne     a0, s11, fail
    la      a0, same_again
    call    print_string

    li      a0, 0x7fffffff
    li      a1, 1
    call    allocate
    bnez    a0, fail
    la      a0, refused
    call    print_string
    li      a0, 0
    j       exit
fail:
    la      a0, failed
    call    print_string
    li      a0, 1
    j       exit

# heap_begin(): the heap is empty and begins at the program break
heap_begin:
    li      a0, 0
    li      a7, SYS_BRK
    ecall
    sw      a0, heap_next, t0
    sw      a0, heap_end, t0
    ret

# allocate(a0: size in bytes, a1: alignment, a power of two) -> a0: address, 0 if there is no more
allocate:
    lw      t0, heap_next
    addi    t1, a1, -1
    add     t0, t0, t1                      # round up: add alignment - 1, clear the low bits
    neg     t1, a1
    and     t0, t0, t1
    add     t1, t0, a0                      # t1: end of the new block
    bltu    t1, t0, no_memory               # past the end of the address space
    lw      t2, heap_end
    bleu    t1, t2, fits

    li      t3, GROWTH - 1                  # the break goes up to the next multiple of GROWTH
    add     a0, t1, t3
    li      t3, -GROWTH
    and     a0, a0, t3
    mv      t3, a0
    li      a7, SYS_BRK
    ecall
    sw      a0, heap_end, t4                # brk answers with the break as it is now...
    bltu    a0, t3, no_memory               # ...which has not moved if there is no memory
fits:
    sw      t1, heap_next, t2
    mv      a0, t0
    ret
no_memory:
    li      a0, 0
    ret

    .include "text.inc"
