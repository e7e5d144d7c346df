# statistics.s - what has happened, counted by kind.  With the symbol STATISTICS it is printed at the end.

    .include "warren.inc"

    .globl  statistics
    .ifdef  STATISTICS
    .globl  print_statistics

    .text
print_statistics:
    enter   s0, s1, s2
    la      s0, statistics
    la      s1, statistics_texts
    la      s2, statistics + STAT_END
1:  la      a0, counted_text
    call    print_text
    mv      a0, s1
    call    print_text
    la      a0, space_text
    call    print_text
    lw      a0, (s0)
    call    print_number
    call    print_newline
2:  lbu     t0, (s1)
    addi    s1, s1, 1
    bnez    t0, 2b
    addi    s0, s0, 4
    bne     s0, s2, 1b
    leave   s0, s1, s2

    .section .rodata
counted_text:
    .asciz  "warren: "
space_text:
    .asciz  " "
statistics_texts:                           # in the order of STAT_*
    .asciz  "exits", "CSR instructions", "sret", "wfi", "sfence.vma", "SBI calls", "device accesses", "shadow entries"
    .asciz  "exceptions", "interrupts", "timer interrupts", "address-space switches", "pages for tables"
    .asciz  "contexts dropped", "window moves", "guest switches", "writes of satp"
    .endif

    .bss
    .balign 4
statistics:
    .zero   STAT_END
