# csrrs-x0.s - reading a read-only register is writing it, unless the operand is x0.
#
# isa: rv32ima
#
# What it shows
#   csrrs with x0 does not write at all, so it may read a read-only CSR.  With any other register it
#   writes, and writing a read-only CSR traps even in M mode.  Two words that differ in an operand only
#   differ in being privileged: that is why a hypervisor decodes all of a trapped instruction.
#
# How to run it
#   trapline boot programs/sensitive/csrrs-x0.s

    .include "stage.inc"

main:
    mv      s11, ra
    say     "M mode: csrrs a0, mhartid, x0 "
    try     MODE_M, with_x0
    call    after
    say     "M mode: csrrs a0, mhartid, t0 "
    try     MODE_M, with_t0
    call    after
    say     "S mode: csrrs a0, mhartid, x0 "
    try     MODE_S, with_x0
    call    after
    say     "M mode: csrrc a0, mhartid, x0 "
    try     MODE_M, clear_with_x0
    call    after
    say     "M mode: csrrwi x0, mhartid, 0 "
    try     MODE_M, write_zero
    call    after
    jr      s11

with_x0:
    csrrs   a0, mhartid, x0
    ecall
with_t0:
    li      t0, 1
    csrrs   a0, mhartid, t0
    ecall
clear_with_x0:
    csrrc   a0, mhartid, x0
    ecall
write_zero:
    csrrwi  x0, mhartid, 0
    ecall

after:
    mv      s10, ra
    call    outcome
    call    newline
    jr      s10
