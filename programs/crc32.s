# crc32.s - the CRC-32 checksum that Ethernet, gzip and PNG use, of standard input or of the arguments.
#
# What it shows
#   A table computed once and used for every byte.  The checksum is the remainder of a division of
#   polynomials whose coefficients are bits: adding is `xor`, so there is no carry.  One table entry is
#   the effect of eight division steps on one byte.
#
# How to run it
#   trapline run programs/crc32.s -- 123456789      cbf43926, the check value of the standard
#   trapline run programs/crc32.s < some-file

    .equ    POLYNOMIAL, 0xedb88320          # 0x04c11db7 with its bits in reverse order
    .equ    BUFFER_SIZE, 4096

    .bss
    .balign 4
table:
    .zero   4 * 256
buffer:
    .zero   BUFFER_SIZE

    .text
    .globl  _start
_start:
    lw      s0, (sp)                        # s0: arguments still to do, the program's name not counted
    addi    s0, s0, -1
    addi    s1, sp, 8                       # s1: where the next one's address is
    call    make_table
    bgtz    s0, next_argument

    li      s2, 0                           # s2: checksum of what was read so far
1:  li      a0, 0                           # standard input
    la      a1, buffer
    li      a2, BUFFER_SIZE
    li      a7, 63                          # read
    ecall
    blez    a0, 2f
    mv      a2, a0
    la      a1, buffer
    mv      a0, s2
    call    crc32
    mv      s2, a0
    j       1b
2:  mv      a0, s2
    call    print_hex
    call    print_newline
    j       done

next_argument:
    lw      a1, (s1)
    mv      t0, a1
1:  lbu     t1, (t0)                        # find its end
    beqz    t1, 2f
    addi    t0, t0, 1
    j       1b
2:  sub     a2, t0, a1
    li      a0, 0
    call    crc32
    call    print_hex
    call    print_newline
    addi    s1, s1, 4
    addi    s0, s0, -1
    bnez    s0, next_argument
done:
    li      a0, 0
    j       exit

# make_table(): table[byte] = eight division steps on byte
make_table:
    la      t0, table
    li      t1, 0                           # t1: byte
    li      t2, 256
    li      t5, POLYNOMIAL
1:  mv      t3, t1
    li      t4, 8
2:  andi    t6, t3, 1                       # the bit that falls out at the right...
    srli    t3, t3, 1
    neg     t6, t6                          # ...made a mask: no branch needed
    and     t6, t6, t5
    xor     t3, t3, t6
    addi    t4, t4, -1
    bnez    t4, 2b
    sw      t3, (t0)
    addi    t0, t0, 4
    addi    t1, t1, 1
    bltu    t1, t2, 1b
    ret

# crc32(a0: checksum so far, 0 at first; a1: address; a2: number of bytes) -> a0: checksum
crc32:
    la      t0, table
    add     a2, a1, a2                      # a2: end
    not     a0, a0
    bgeu    a1, a2, 2f
1:  lbu     t1, (a1)
    xor     t1, t1, a0
    andi    t1, t1, 0xff
    slli    t1, t1, 2
    add     t1, t0, t1
    lw      t1, (t1)
    srli    a0, a0, 8
    xor     a0, a0, t1
    addi    a1, a1, 1
    bltu    a1, a2, 1b
2:  not     a0, a0
    ret

    .include "text.inc"
