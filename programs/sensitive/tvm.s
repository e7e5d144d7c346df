# tvm.s - mstatus.TVM makes satp and sfence.vma of S mode trap.
#
# isa: rv32ima
#
# What it shows
#   A hypervisor that runs a guest's kernel in S mode sets TVM, so that it learns of every change to the
#   guest's address space and can keep its shadow page table up to date.
#
# How to run it
#   trapline boot programs/sensitive/tvm.s

    .include "stage.inc"

main:
    mv      s11, ra
    say     "S mode, TVM 0"
    call    all_three
    li      t0, STATUS_TVM
    csrs    mstatus, t0
    say     "S mode, TVM 1"
    call    all_three
    say     "M mode, TVM 1: csrr satp "
    try     MODE_M, read_satp
    call    after
    jr      s11

all_three:
    mv      s9, ra
    say     ": csrr satp "
    try     MODE_S, read_satp
    call    after
    say     "               csrw satp "
    try     MODE_S, write_satp
    call    after
    say     "               sfence.vma "
    try     MODE_S, fence
    call    after
    jr      s9

read_satp:
    csrr    a0, satp
    ecall
write_satp:
    csrw    satp, zero
    ecall
fence:
    sfence.vma
    ecall

after:
    mv      s10, ra
    call    outcome
    call    newline
    jr      s10
