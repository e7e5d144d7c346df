# quicksort.s - sort an array of words in place.
#
# What it shows
#   Signed comparison (`blt`), swapping through memory, and recursion with a bounded stack: quicksort
#   calls itself for the shorter part only and loops for the longer one, so that the stack never holds
#   more than log2(n) frames, even for the worst input.
#
# How to run it
#   trapline run programs/quicksort.s

    .equ    MANY, 1000                      # length of the second, generated array

    .data
    .balign 4
few:
    .word   42, -7, 19, 0, 88, -100, 3, 3, 2147483647, -2147483648, 56, 12, 5, -1, 77, 20
few_end:

    .bss
    .balign 4
many:
    .zero   4 * MANY
many_end:

    .section .rodata
sorted:
    .asciz  "1000 more words are in order\n"
not_sorted:
    .asciz  "1000 more words are NOT in order\n"

    .text
    .globl  _start
_start:
    la      a0, few
    la      a1, few_end - 4
    call    print_words
    la      a0, few
    la      a1, few_end - 4
    call    quicksort
    la      a0, few
    la      a1, few_end - 4
    call    print_words

    la      t0, many                        # fill with x = x * 1664525 + 1013904223
    la      t1, many_end
    li      t2, 1
    li      t3, 1664525
    li      t4, 1013904223
1:  mul     t2, t2, t3
    add     t2, t2, t4
    sw      t2, (t0)
    addi    t0, t0, 4
    bltu    t0, t1, 1b

    la      a0, many
    la      a1, many_end - 4
    call    quicksort

    la      t0, many                        # each word must be at least the one before it
    la      t1, many_end - 4
1:  lw      t2, 0(t0)
    lw      t3, 4(t0)
    bgt     t2, t3, 2f
    addi    t0, t0, 4
    bltu    t0, t1, 1b
    la      a0, sorted
    call    print_string
    li      a0, 0
    j       exit
2:  la      a0, not_sorted
    call    print_string
    li      a0, 1
    j       exit

# quicksort(a0: address of the first word, a1: address of the last word)
quicksort:
    addi    sp, sp, -16
    sw      ra, 12(sp)
    sw      s0, 8(sp)
    sw      s1, 4(sp)
    mv      s0, a0                          # s0: first word of the part still to sort
    mv      s1, a1                          # s1: last word of it
sort_part:
    bgeu    s0, s1, sort_done               # one word or none: nothing to do

    sub     t0, s1, s0                      # the pivot is the word in the middle
    srli    t0, t0, 3
    slli    t0, t0, 2
    add     t0, t0, s0
    lw      t0, (t0)                        # t0: pivot
    addi    t1, s0, -4                      # t1: comes up from below
    addi    t2, s1, 4                       # t2: comes down from above
partition:
1:  addi    t1, t1, 4
    lw      t3, (t1)
    blt     t3, t0, 1b
2:  addi    t2, t2, -4
    lw      t4, (t2)
    bgt     t4, t0, 2b
    bgeu    t1, t2, 3f
    sw      t4, (t1)                        # each is on the wrong side: swap them
    sw      t3, (t2)
    j       partition
3:
    addi    t1, t2, 4                       # the parts are s0..t2 and t1..s1
    sub     t3, t2, s0
    sub     t4, s1, t1
    bltu    t3, t4, lower_is_shorter
    mv      a0, t1
    mv      a1, s1
    mv      s1, t2
    call    quicksort
    j       sort_part
lower_is_shorter:
    mv      a0, s0
    mv      a1, t2
    mv      s0, t1
    call    quicksort
    j       sort_part
sort_done:
    lw      s1, 4(sp)
    lw      s0, 8(sp)
    lw      ra, 12(sp)
    addi    sp, sp, 16
    ret

# print_words(a0: address of the first word, a1: address of the last word), signed, on one line
print_words:
    addi    sp, sp, -16
    sw      ra, 12(sp)
    sw      s0, 8(sp)
    sw      s1, 4(sp)
    mv      s0, a0
    mv      s1, a1
1:  lw      t0, (s0)
    bgez    t0, 2f
    li      a0, '-'
    call    print_char
    lw      t0, (s0)
    neg     t0, t0                          # -2147483648 stays as it is, which unsigned is 2147483648
2:  mv      a0, t0
    call    print_unsigned
    li      a0, ' '
    call    print_char
    addi    s0, s0, 4
    bleu    s0, s1, 1b
    call    print_newline
    lw      s1, 4(sp)
    lw      s0, 8(sp)
    lw      ra, 12(sp)
    addi    sp, sp, 16
    ret

    .include "text.inc"
