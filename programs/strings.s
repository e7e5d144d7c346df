# strings.s - the string routines of a C library, each checked and reported.
#
# What it shows
#   Loops over bytes with pointers, `lbu` against `lb` (characters are unsigned), and overlapping moves:
#   memmove must copy from the end when the destination lies above the source.  Also a data table that
#   is run through by a loop: every row holds the address of a check and the address of its name, and
#   the check is called through a register with `jalr`.
#
# How to run it
#   trapline run programs/strings.s                 status 0 if every check passes, 1 otherwise

    .section .rodata
word_machine:
    .asciz  "machine"
word_machinist:
    .asciz  "machinist"
word_high:
    .asciz  "\377\200"                      # characters above 127 must compare as large
word_empty:
    .asciz  ""
sentence:
    .asciz  "tab\tquote\"backslash\\octal\101hex\x42."
is_ok:
    .asciz  ": ok\n"
is_wrong:
    .asciz  ": WRONG\n"

    .macro  check name                      # one row of the table, the name put among the strings
    .pushsection .rodata
name_\name:
    .asciz  "\name"
    .popsection
    .word   check_\name, name_\name
    .endm

    .data
    .balign 4
checks:
    check   strlen
    check   strcpy
    check   strcmp
    check   strchr
    check   memset
    check   memcpy
    check   memmove
    check   reverse
    check   upper
checks_end:

    .bss
room:
    .zero   64

    .text
    .globl  _start
_start:
    la      s0, checks                      # s0: current row
    la      s1, checks_end
    li      s2, 0                           # s2: exit status
1:  lw      a0, 4(s0)
    call    print_string
    lw      t0, 0(s0)
    jalr    t0                              # a check answers with 0 in a0 if all is well
    la      t0, is_ok
    beqz    a0, 2f
    la      t0, is_wrong
    li      s2, 1
2:  mv      a0, t0
    call    print_string
    addi    s0, s0, 8
    bltu    s0, s1, 1b
    mv      a0, s2
    j       exit

# --- the routines, as in C --------------------------------------------------------------------------

# strlen(a0: string) -> a0: length without the zero byte
strlen:
    mv      t0, a0
1:  lbu     t1, (t0)
    beqz    t1, 2f
    addi    t0, t0, 1
    j       1b
2:  sub     a0, t0, a0
    ret

# strcpy(a0: destination, a1: string) -> a0: destination
strcpy:
    mv      t0, a0
1:  lbu     t1, (a1)
    sb      t1, (t0)
    addi    a1, a1, 1
    addi    t0, t0, 1
    bnez    t1, 1b                          # the zero byte is copied too
    ret

# strcmp(a0, a1: strings) -> a0: below, equal to or above zero, like the first to the second
strcmp:
    lbu     t0, (a0)
    lbu     t1, (a1)
    bne     t0, t1, 1f
    addi    a0, a0, 1
    addi    a1, a1, 1
    bnez    t0, strcmp
1:  sub     a0, t0, t1
    ret

# strchr(a0: string, a1: character) -> a0: address of the first one, or 0
strchr:
1:  lbu     t0, (a0)
    beq     t0, a1, 2f                      # first, so that the zero byte can be looked for as well
    beqz    t0, 3f
    addi    a0, a0, 1
    j       1b
3:  li      a0, 0
2:  ret

# memset(a0: destination, a1: byte, a2: length) -> a0: destination
memset:
    add     t1, a0, a2
    mv      t0, a0
1:  bgeu    t0, t1, 2f
    sb      a1, (t0)
    addi    t0, t0, 1
    j       1b
2:  ret

# memmove(a0: destination, a1: source, a2: length) -> a0: destination
memmove:
    bgtu    a0, a1, copy_down
# memcpy: the same, for places that do not overlap
memcpy:
    add     t1, a1, a2
    mv      t0, a0
1:  bgeu    a1, t1, 2f
    lbu     t2, (a1)
    sb      t2, (t0)
    addi    a1, a1, 1
    addi    t0, t0, 1
    j       1b
2:  ret
copy_down:
    add     t0, a0, a2
    add     t1, a1, a2
1:  bleu    t1, a1, 2f
    addi    t1, t1, -1
    addi    t0, t0, -1
    lbu     t2, (t1)
    sb      t2, (t0)
    j       1b
2:  ret

# reverse(a0: string) in place
reverse:
    mv      t0, a0
1:  lbu     t1, (t0)
    addi    t0, t0, 1
    bnez    t1, 1b
    addi    t0, t0, -2                      # last character; the one before the first if it is empty
2:  bgeu    a0, t0, 3f
    lbu     t1, (a0)
    lbu     t2, (t0)
    sb      t2, (a0)
    sb      t1, (t0)
    addi    a0, a0, 1
    addi    t0, t0, -1
    j       2b
3:  ret

# upper(a0: string) in place: a to z become A to Z.  One unsigned compare does for both ends.
upper:
    lbu     t0, (a0)
    beqz    t0, 2f
    addi    t1, t0, -'a'
    sltiu   t1, t1, 26
    slli    t1, t1, 5                       # 32 is the distance between 'a' and 'A'
    sub     t0, t0, t1
    sb      t0, (a0)
    addi    a0, a0, 1
    j       upper
2:  ret

    .include "strings-checks.inc"
    .include "text.inc"
