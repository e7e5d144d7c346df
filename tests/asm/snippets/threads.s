##### Entries for thread-local storage
_start:
    la.tls.gd a0, one
    la.tls.ie a1, two
    la.tls.gd a2, two
    la.tls.ie a3, local
    lw a4, far
    .option pic
    la a5, far
    la a5, _start
    .option nopic
1:  auipc a0, %tls_gd_pcrel_hi(three)
    addi a0, a0, %pcrel_lo(1b)
2:  auipc a0, %tls_ie_pcrel_hi(three)
    lw a0, %pcrel_lo(2b)(a0)
    lui a4, %tprel_hi(one)
    add a4, a4, tp, %tprel_add(one)
    lw a5, %tprel_lo(one)(a4)
    .data
far:
    .word 1
    .globl one, two, three
    .section .tdata, "awT", @progbits
    .balign 8
one:
    .word 1
local:
    .word 5
    .section .tbss, "awT", @nobits
    .balign 16
two:
    .zero 4
three:
    .zero 8
    .section .offsets, "a"
    .dtprelword one + 0x800
    .dtprelword local
