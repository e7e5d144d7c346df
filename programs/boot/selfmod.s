# selfmod.s - a program that writes instructions: into a function it has already run, and from nothing.
#
# What it shows
#   Code is data: an instruction is a word that can be stored.  But a hart may have fetched, or even
#   translated, the old word already; `fence.i` makes every store so far visible to the fetches that
#   follow.  Without it the specification allows the old or the new instruction to run.  This machine,
#   like QEMU, notices the store: what is printed for "without fence.i" is the new one.
#
# How to run it
#   trapline boot programs/boot/selfmod.s

    .include "board.inc"

    .text
    .globl  _start
_start:
    bnez    a0, park
    la      sp, stack_end

    li      s0, 1000                        # run it often: an engine that keeps decoded or translated
1:  call    answer                          # code has it by now
    addi    s0, s0, -1
    bnez    s0, 1b
    la      a1, at_first
    call    report

    la      t0, answer                      # addi a0, zero, imm: the immediate is in the upper 12 bits
    lw      t1, (t0)
    li      t2, 1 << 20
    add     t1, t1, t2
    sw      t1, (t0)
    fence.i
    call    answer
    la      a1, with_fence
    call    report

    la      t0, answer
    lw      t1, (t0)
    li      t2, 1 << 20
    add     t1, t1, t2
    sw      t1, (t0)
    call    answer
    la      a1, without_fence
    call    report

    la      t0, just_ahead                  # the closest case: the next instruction but one
    lw      t1, replacement
    sw      t1, (t0)
    fence.i
just_ahead:
    li      a0, 0
    la      a1, ahead
    call    report

    li      s0, 0                           # a loop that rewrites itself each time round: 1 + 2 + ... + 10
    li      s1, 10
    li      t2, 1 << 20
    la      t0, addend
2:  fence.i
addend:
    addi    s0, s0, 1
    lw      t1, (t0)
    add     t1, t1, t2
    sw      t1, (t0)
    addi    s1, s1, -1
    bnez    s1, 2b
    mv      a0, s0
    la      a1, loop
    call    report

    la      t0, made                        # a function made of two words
    lw      t1, replacement
    sw      t1, 0(t0)
    lw      t1, return
    sw      t1, 4(t0)
    fence.i
    call    made
    la      a1, from_nothing
    call    report
    li      a0, 0
    call    finish

answer:
    li      a0, 1                           # changed by the program
    ret

# report(a0: number, a1: text)
report:
    addi    sp, sp, -16
    sw      ra, 12(sp)
    sw      s0, 8(sp)
    mv      s0, a0
    mv      a0, a1
    call    print_string
    mv      a0, s0
    call    print_unsigned
    call    print_newline
    lw      s0, 8(sp)
    lw      ra, 12(sp)
    addi    sp, sp, 16
    ret

    .include "console.inc"

    .section .rodata
    .balign 4
replacement:                                # instructions as data
    li      a0, 77
return:
    ret
at_first:
    .asciz  "at first: "
with_fence:
    .asciz  "with fence.i: "
without_fence:
    .asciz  "without fence.i: "
ahead:
    .asciz  "just ahead: "
loop:
    .asciz  "a loop that changes: "
from_nothing:
    .asciz  "made at run time: "

    .bss
    .balign 16
made:
    .zero   8
    .zero   1024
stack_end:
