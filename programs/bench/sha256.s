# sha256.s - a benchmark of shifts and logic: the compression function of SHA-256 (FIPS 180-4) over 64 KiB,
# a hundred times, about 300 million instructions.
#
# The message is all zeros, without padding.  Exit status 0 if the first word of the state is right.

    .equ    BLOCKS, 1024 * 100
    .equ    EXPECTED, 0xb76d3461               # computed by another program

    .macro  rotr rd, rs, count, scratch
    srli    \scratch, \rs, \count
    slli    \rd, \rs, 32 - \count
    or      \rd, \rd, \scratch
    .endm

# \rd = rotr(\rs, \a) ^ rotr(\rs, \b) ^ rotr(\rs, \c)
    .macro  sigma rd, rs, a, b, c
    rotr    \rd, \rs, \a, t5
    rotr    t6, \rs, \b, t5
    xor     \rd, \rd, t6
    rotr    t6, \rs, \c, t5
    xor     \rd, \rd, t6
    .endm

# \rd = rotr(\rs, \a) ^ rotr(\rs, \b) ^ (\rs >> \c)
    .macro  small_sigma rd, rs, a, b, c
    rotr    \rd, \rs, \a, t5
    rotr    t6, \rs, \b, t5
    xor     \rd, \rd, t6
    srli    t6, \rs, \c
    xor     \rd, \rd, t6
    .endm

# One round: the new e replaces \d, the new a replaces \h.
    .macro  round a, b, c, d, e, f, g, h, index
    lw      t0, (\index) * 4(s8)             # K
    lw      t1, (\index) * 4(sp)             # W
    add     \h, \h, t0
    add     \h, \h, t1
    sigma   t0, \e, 6, 11, 25
    add     \h, \h, t0
    xor     t0, \f, \g                      # Ch = g ^ (e & (f ^ g))
    and     t0, t0, \e
    xor     t0, t0, \g
    add     \h, \h, t0
    add     \d, \d, \h
    sigma   t0, \a, 2, 13, 22
    add     \h, \h, t0
    or      t0, \a, \b                      # Maj = (a & b) | (c & (a | b))
    and     t0, t0, \c
    and     t1, \a, \b
    or      t0, t0, t1
    add     \h, \h, t0
    .endm

    .globl  _start
_start:
    la      s8, K
    la      s9, state
    li      s10, BLOCKS
    addi    sp, sp, -256                    # sp: the 64 words W
block:
    mv      t2, sp                          # W[0..15]: the message
    addi    t3, sp, 64
1:  sw      zero, (t2)
    addi    t2, t2, 4
    bne     t2, t3, 1b
    addi    t3, sp, 256
2:  lw      t4, -60(t2)                     # W[t] = s1(W[t-2]) + W[t-7] + s0(W[t-15]) + W[t-16]
    small_sigma t0, t4, 7, 18, 3
    lw      t4, -8(t2)
    small_sigma t1, t4, 17, 19, 10
    add     t0, t0, t1
    lw      t1, -28(t2)
    add     t0, t0, t1
    lw      t1, -64(t2)
    add     t0, t0, t1
    sw      t0, (t2)
    addi    t2, t2, 4
    bne     t2, t3, 2b

    lw      a0, 0(s9)
    lw      a1, 4(s9)
    lw      a2, 8(s9)
    lw      a3, 12(s9)
    lw      a4, 16(s9)
    lw      a5, 20(s9)
    lw      a6, 24(s9)
    lw      a7, 28(s9)
    .set    i, 0
    .rept   8
    round   a0, a1, a2, a3, a4, a5, a6, a7, i + 0
    round   a7, a0, a1, a2, a3, a4, a5, a6, i + 1
    round   a6, a7, a0, a1, a2, a3, a4, a5, i + 2
    round   a5, a6, a7, a0, a1, a2, a3, a4, i + 3
    round   a4, a5, a6, a7, a0, a1, a2, a3, i + 4
    round   a3, a4, a5, a6, a7, a0, a1, a2, i + 5
    round   a2, a3, a4, a5, a6, a7, a0, a1, i + 6
    round   a1, a2, a3, a4, a5, a6, a7, a0, i + 7
    .set    i, i + 8
    .endr
    .set    i, 0
    .irp    r, a0, a1, a2, a3, a4, a5, a6, a7
    lw      t0, i(s9)
    add     t0, t0, \r
    sw      t0, i(s9)
    .set    i, i + 4
    .endr

    addi    s10, s10, -1
    bnez    s10, block

    lw      a0, (s9)
    li      t0, EXPECTED
    sub     a0, a0, t0
    snez    a0, a0
    li      a7, 93                          # exit
    ecall

    .section .rodata
    .balign 4
K:  .word   0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5
    .word   0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174
    .word   0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da
    .word   0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967
    .word   0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85
    .word   0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070
    .word   0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3
    .word   0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2

    .data
    .balign 4
state:
    .word   0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
