# sha256.s - the SHA-256 digest of standard input or of the arguments (FIPS 180-4).
#
# What it shows
#   A real algorithm that is all shifts, rotations and additions.  RV32IM has no rotate instruction: a
#   macro builds one from two shifts and an `or`.  The eight working variables stay in registers; a
#   round would move each of them to the next register, so a macro with the registers as arguments
#   renames them instead, and eight rounds later every name is back where it was.
#
# How to run it
#   trapline run programs/sha256.s -- abc           ba7816bf8f01cfea...f20015ad
#   trapline run programs/sha256.s < some-file      up to 4 GiB
#   Either way the digest of "abc" is computed and checked first.

    .equ    BLOCK, 64                       # the algorithm takes 64 bytes at a time
    .equ    BUFFER_SIZE, 4096

    .section .rodata
    .balign 4
initial_state:                              # fractional parts of the square roots of the first 8 primes
    .word   0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
round_constants:                            # of the cube roots of the first 64 primes
    .word   0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
    .word   0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
    .word   0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
    .word   0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
    .word   0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
    .word   0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
    .word   0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
    .word   0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
expected_abc:
    .word   0xba7816bf, 0x8f01cfea, 0x414140de, 0x5dae2223, 0xb00361a3, 0x96177a9c, 0xb410ff61, 0xf20015ad
abc:
    .asciz  "abc"
self_test_failed:
    .asciz  "the digest of \"abc\" is wrong\n"

    .bss
    .balign 4
state:
    .zero   32
schedule:                                   # W: one word per round
    .zero   4 * 64
pending:                                    # the bytes of a block that is not full yet
    .zero   BLOCK
length:                                     # bytes hashed so far
    .zero   4
buffer:
    .zero   BUFFER_SIZE

    .text
    .globl  _start
_start:
    lw      s0, (sp)                        # s0: arguments still to do, the program's name not counted
    addi    s0, s0, -1
    addi    s1, sp, 8                       # s1: where the next one's address is

    call    sha256_begin
    la      a0, abc
    li      a1, 3
    call    sha256_update
    call    sha256_end
    la      t0, state
    la      t1, expected_abc
    addi    t2, t0, 32
1:  lw      t3, (t0)
    lw      t4, (t1)
    bne     t3, t4, broken
    addi    t0, t0, 4
    addi    t1, t1, 4
    bltu    t0, t2, 1b

    bgtz    s0, next_argument
    call    sha256_begin
read_more:
    li      a0, 0                           # standard input
    la      a1, buffer
    li      a2, BUFFER_SIZE
    li      a7, 63                          # read
    ecall
    blez    a0, input_ended
    mv      a1, a0
    la      a0, buffer
    call    sha256_update
    j       read_more
input_ended:
    call    sha256_end
    call    print_digest
    j       all_done

next_argument:
    call    sha256_begin
    lw      a0, (s1)
    mv      t0, a0
1:  lbu     t1, (t0)
    addi    t0, t0, 1
    bnez    t1, 1b
    sub     a1, t0, a0
    addi    a1, a1, -1                      # the zero at the end is not part of it
    call    sha256_update
    call    sha256_end
    call    print_digest
    addi    s1, s1, 4
    addi    s0, s0, -1
    bnez    s0, next_argument
all_done:
    li      a0, 0
    j       exit

broken:
    la      a0, self_test_failed
    call    print_string
    li      a0, 1
    j       exit

# print_digest(): the state as 64 hexadecimal digits on a line
print_digest:
    addi    sp, sp, -16
    sw      ra, 12(sp)
    sw      s0, 8(sp)
    sw      s1, 4(sp)
    la      s0, state
    addi    s1, s0, 32
1:  lw      a0, (s0)
    call    print_hex
    addi    s0, s0, 4
    bltu    s0, s1, 1b
    call    print_newline
    lw      s1, 4(sp)
    lw      s0, 8(sp)
    lw      ra, 12(sp)
    addi    sp, sp, 16
    ret

# sha256_begin()
sha256_begin:
    la      t0, state
    la      t1, initial_state
    addi    t2, t0, 32
1:  lw      t3, (t1)
    sw      t3, (t0)
    addi    t1, t1, 4
    addi    t0, t0, 4
    bltu    t0, t2, 1b
    sw      zero, length, t0
    ret

# sha256_update(a0: address, a1: number of bytes): add them to the message
sha256_update:
    addi    sp, sp, -32
    sw      ra, 28(sp)
    sw      s0, 24(sp)
    sw      s1, 20(sp)
    sw      s2, 16(sp)
    mv      s0, a0                          # s0: next byte to take
    add     s1, a0, a1                      # s1: end of the bytes
    lw      s2, length                      # s2: length of the message
    bgeu    s0, s1, 3f
1:  lbu     t0, (s0)                        # byte by byte: the source may lie at any address
    andi    t1, s2, BLOCK - 1
    la      t2, pending
    add     t2, t2, t1
    sb      t0, (t2)
    addi    s0, s0, 1
    addi    s2, s2, 1
    andi    t1, s2, BLOCK - 1
    bnez    t1, 2f
    call    sha256_block                    # the block is full
2:  bltu    s0, s1, 1b
    sw      s2, length, t0
3:  lw      s2, 16(sp)
    lw      s1, 20(sp)
    lw      s0, 24(sp)
    lw      ra, 28(sp)
    addi    sp, sp, 32
    ret

# sha256_end(): append a 1 bit, zeros, and the length in bits as 64 bits, up to a full block
sha256_end:
    addi    sp, sp, -16
    sw      ra, 12(sp)
    sw      s0, 8(sp)
    lw      s0, length
    andi    t1, s0, BLOCK - 1
    la      t0, pending
    add     t1, t0, t1
    li      t2, 0x80
    sb      t2, (t1)
    addi    t1, t1, 1
    la      t3, pending + 56                # where the length goes
    bleu    t1, t3, 1f
    addi    t3, t3, 8                       # no room for it: fill this block, use another
    call    zero_fill
    call    sha256_block
    la      t1, pending
    la      t3, pending + 56
1:  call    zero_fill
    srli    t0, s0, 29                      # bits = bytes * 8, high word first
    la      a0, pending + 56
    call    store_big_endian
    slli    t0, s0, 3
    la      a0, pending + 60
    call    store_big_endian
    call    sha256_block
    lw      s0, 8(sp)
    lw      ra, 12(sp)
    addi    sp, sp, 16
    ret

# zero_fill(t1: from, t3: up to here)
zero_fill:
    bgeu    t1, t3, 1f
    sb      zero, (t1)
    addi    t1, t1, 1
    j       zero_fill
1:  ret

# store_big_endian(a0: address, t0: word): the machine is little-endian, the algorithm is not
store_big_endian:
    sb      t0, 3(a0)
    srli    t0, t0, 8
    sb      t0, 2(a0)
    srli    t0, t0, 8
    sb      t0, 1(a0)
    srli    t0, t0, 8
    sb      t0, 0(a0)
    ret

# rd = rs rotated right by count.  rd must not be rs.
    .macro  rotate_right rd, rs, count, scratch
    srli    \rd, \rs, \count
    slli    \scratch, \rs, 32 - \count
    or      \rd, \rd, \scratch
    .endm

# One round: T1 = h + S1(e) + choose(e, f, g) + K + W and T2 = S0(a) + majority(a, b, c), then
# d += T1 and h = T1 + T2.  a2 points at K, a3 at W.
    .macro  round a, b, c, d, e, f, g, h, offset
    rotate_right t0, \e, 6, t6
    rotate_right t1, \e, 11, t6
    rotate_right t2, \e, 25, t6
    xor     t0, t0, t1
    xor     t0, t0, t2
    xor     t1, \f, \g                      # choose: e picks f where it is 1, g where it is 0
    and     t1, t1, \e
    xor     t1, t1, \g
    lw      t2, \offset(a2)
    lw      t3, \offset(a3)
    add     t0, t0, t1
    add     t2, t2, t3
    add     \h, \h, t0
    add     \h, \h, t2                      # h: T1
    rotate_right t0, \a, 2, t6
    rotate_right t1, \a, 13, t6
    rotate_right t2, \a, 22, t6
    xor     t0, t0, t1
    xor     t0, t0, t2
    or      t1, \a, \b                      # majority of a, b and c, bit by bit
    and     t1, t1, \c
    and     t2, \a, \b
    or      t1, t1, t2
    add     t0, t0, t1                      # t0: T2
    add     \d, \d, \h
    add     \h, \h, t0
    .endm

# sha256_block(): work the 64 bytes at pending into the state
sha256_block:
    addi    sp, sp, -32
    sw      s0, 28(sp)
    sw      s1, 24(sp)
    sw      s2, 20(sp)
    sw      s3, 16(sp)
    sw      s4, 12(sp)
    sw      s5, 8(sp)
    sw      s6, 4(sp)
    sw      s7, 0(sp)

    la      a0, pending                     # W[0..15]: the block as big-endian words
    la      a3, schedule
    addi    a1, a0, BLOCK
    mv      t5, a3
1:  lbu     t0, 0(a0)
    lbu     t1, 1(a0)
    lbu     t2, 2(a0)
    lbu     t3, 3(a0)
    slli    t0, t0, 24
    slli    t1, t1, 16
    slli    t2, t2, 8
    or      t0, t0, t1
    or      t2, t2, t3
    or      t0, t0, t2
    sw      t0, (t5)
    addi    a0, a0, 4
    addi    t5, t5, 4
    bltu    a0, a1, 1b

    addi    a1, a3, 4 * 64                  # W[i] = s1(W[i-2]) + W[i-7] + s0(W[i-15]) + W[i-16]
1:  lw      t0, -15 * 4(t5)
    rotate_right t1, t0, 7, t6
    rotate_right t2, t0, 18, t6
    srli    t3, t0, 3
    xor     t1, t1, t2
    xor     t1, t1, t3
    lw      t0, -2 * 4(t5)
    rotate_right t2, t0, 17, t6
    rotate_right t3, t0, 19, t6
    srli    t4, t0, 10
    xor     t2, t2, t3
    xor     t2, t2, t4
    lw      t3, -7 * 4(t5)
    lw      t4, -16 * 4(t5)
    add     t1, t1, t2
    add     t3, t3, t4
    add     t1, t1, t3
    sw      t1, (t5)
    addi    t5, t5, 4
    bltu    t5, a1, 1b

    la      a0, state
    lw      s0, 0(a0)                       # s0 to s7: the working variables a to h
    lw      s1, 4(a0)
    lw      s2, 8(a0)
    lw      s3, 12(a0)
    lw      s4, 16(a0)
    lw      s5, 20(a0)
    lw      s6, 24(a0)
    lw      s7, 28(a0)
    la      a2, round_constants
1:  round   s0, s1, s2, s3, s4, s5, s6, s7, 0
    round   s7, s0, s1, s2, s3, s4, s5, s6, 4
    round   s6, s7, s0, s1, s2, s3, s4, s5, 8
    round   s5, s6, s7, s0, s1, s2, s3, s4, 12
    round   s4, s5, s6, s7, s0, s1, s2, s3, 16
    round   s3, s4, s5, s6, s7, s0, s1, s2, 20
    round   s2, s3, s4, s5, s6, s7, s0, s1, 24
    round   s1, s2, s3, s4, s5, s6, s7, s0, 28
    addi    a2, a2, 8 * 4
    addi    a3, a3, 8 * 4
    bltu    a3, a1, 1b

    .macro  add_to_state offset, register
    lw      t0, \offset(a0)
    add     t0, t0, \register
    sw      t0, \offset(a0)
    .endm
    add_to_state 0, s0
    add_to_state 4, s1
    add_to_state 8, s2
    add_to_state 12, s3
    add_to_state 16, s4
    add_to_state 20, s5
    add_to_state 24, s6
    add_to_state 28, s7

    lw      s7, 0(sp)
    lw      s6, 4(sp)
    lw      s5, 8(sp)
    lw      s4, 12(sp)
    lw      s3, 16(sp)
    lw      s2, 20(sp)
    lw      s1, 24(sp)
    lw      s0, 28(sp)
    addi    sp, sp, 32
    ret

    .include "text.inc"
