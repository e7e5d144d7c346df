# copying.s - user addresses, and copies between user memory and the kernel.
#
# An address from a user program may be any number.  The kernel looks each page up in the process's own
# table, checks the permissions that the program would need, and uses the physical address.  It never
# trusts an address, and never faults on one.

    .include "burrow.inc"

    .globl  user_address, copy_to_user, copy_from_user, copy_text_from_user

    .text
# user_address(a0: address, a1: required PTE flags, a2: process): the physical address, or 0.
user_address:
    li      t0, IMAGE
    bltu    a0, t0, 1f
    li      t0, USER_END
    bgeu    a0, t0, 1f
    mv      t2, a0
    mv      t3, a1
    mv      a1, a0
    mv      a0, a2
    mv      t4, ra
    call    leaf_entry
    mv      ra, t4
    beqz    a0, 1f
    lw      a0, (a0)
    ori     t3, t3, PTE_V | PTE_U
    and     t0, a0, t3
    bne     t0, t3, 1f
    srli    a0, a0, 10
    slli    a0, a0, 12
    slli    t2, t2, 20
    srli    t2, t2, 20
    or      a0, a0, t2
    ret
1:  .ifdef  LEAK                            # a planted mistake: "an address of RAM needs no translation"
    li      t0, RAM
    bgeu    a0, t0, 2f
    .endif
    li      a0, 0
2:  ret

# copy_to_user(a0: address in the process, a1: from, a2: bytes, a3: process): 0, or ERROR_ADDRESS.
copy_to_user:
    enter   s1, s2, s3, s4
    mv      s1, a0
    mv      s2, a1
    mv      s3, a2
    mv      s4, a3
1:  beqz    s3, copied
    mv      a0, s1
    li      a1, PTE_W
    mv      a2, s4
    call    user_address
    beqz    a0, not_copied
2:  lbu     t0, (s2)                        # up to the end of this page
    sb      t0, (a0)
    addi    a0, a0, 1
    addi    s1, s1, 1
    addi    s2, s2, 1
    addi    s3, s3, -1
    beqz    s3, copied
    slli    t0, s1, 20
    bnez    t0, 2b
    j       1b
copied:
    li      a0, 0
    leave   s1, s2, s3, s4
not_copied:
    li      a0, ERROR_ADDRESS
    leave   s1, s2, s3, s4

# copy_from_user(a0: to, a1: address, a2: bytes, a3: process): 0, or ERROR_ADDRESS.
copy_from_user:
    enter   s1, s2, s3, s4
    mv      s1, a1
    mv      s2, a0
    mv      s3, a2
    mv      s4, a3
1:  beqz    s3, copied
    mv      a0, s1
    li      a1, PTE_R
    mv      a2, s4
    call    user_address
    beqz    a0, not_copied
2:  lbu     t0, (a0)
    sb      t0, (s2)
    addi    a0, a0, 1
    addi    s1, s1, 1
    addi    s2, s2, 1
    addi    s3, s3, -1
    beqz    s3, copied
    slli    t0, s1, 20
    bnez    t0, 2b
    j       1b

# copy_text_from_user(a0: to, a1: address, a2: room, a3: process): with its zero byte; 0, ERROR_ADDRESS, or
# ERROR_INVALID if it is too long.
copy_text_from_user:
    enter   s1, s2, s3, s4
    mv      s1, a1
    mv      s2, a0
    mv      s3, a2
    mv      s4, a3
1:  mv      a0, s1
    li      a1, PTE_R
    mv      a2, s4
    call    user_address
    beqz    a0, not_copied
2:  beqz    s3, 3f
    lbu     t0, (a0)
    sb      t0, (s2)
    beqz    t0, copied
    addi    a0, a0, 1
    addi    s1, s1, 1
    addi    s2, s2, 1
    addi    s3, s3, -1
    slli    t0, s1, 20
    bnez    t0, 2b
    j       1b
3:  li      a0, ERROR_INVALID
    leave   s1, s2, s3, s4
