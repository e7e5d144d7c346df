# files.s - the read-only file system, which build.py packs into the kernel's image.
#
# The image holds the number of files, an ENTRY record for each, then their contents.  Files are not opened or
# closed: a file is known by its number in the directory, and a read gives the offset.
# A program begins with a header: its entry point, its count of library calls, and its segments.

    .include "burrow.inc"

    .globl  file_find, program_load, call_open, call_read_file, call_list

    .equ    PROGRAM_ENTRY, 0
    .equ    PROGRAM_LIBRARY, 4              # address of its count of library calls, 0 for none
    .equ    PROGRAM_SEGMENTS, 8             # how many
    .equ    PROGRAM_HEADER, 16              # bytes; after it, for each segment:
    .equ    SEGMENT_ADDRESS, 0              # a multiple of 16
    .equ    SEGMENT_OFFSET, 4               # from the start of the program
    .equ    SEGMENT_BYTES, 8                # in the file, a multiple of 16
    .equ    SEGMENT_MEMORY, 12              # bytes in memory; those beyond the file are zero
    .equ    SEGMENT_FLAGS, 16               # for its page table entries
    .equ    SEGMENT_SIZE, 32

    .text
# file_find(a0: name, text in the kernel): its directory entry, or 0.
file_find:
    la      t0, image
    lw      t1, (t0)                        # t1: entries to go
    addi    t0, t0, 4
1:  beqz    t1, 4f
    addi    t1, t1, -1
    mv      t2, a0
    mv      t3, t0
2:  lbu     t4, (t2)
    lbu     t5, (t3)
    bne     t4, t5, 3f
    addi    t2, t2, 1
    addi    t3, t3, 1
    bnez    t4, 2b
    mv      a0, t0
    ret
3:  addi    t0, t0, ENTRY_SIZE
    j       1b
4:  li      a0, 0
    ret

# program_load(a0: process, a1: directory entry): map its code and data; a0: entry point, 0 if out of memory.
program_load:
    enter   s1, s2, s3, s4, s5, s6, s7
    mv      s1, a0
    lw      s7, ENTRY_OFFSET(a1)
    la      t0, image
    add     s7, s7, t0                      # s7: the program
    addi    s2, s7, PROGRAM_HEADER          # s2: a segment
    lw      s3, PROGRAM_SEGMENTS(s7)        # s3: segments to go
1:  beqz    s3, 6f
    lw      s4, SEGMENT_ADDRESS(s2)         # s4: where we are
    lw      s5, SEGMENT_OFFSET(s2)
    add     s5, s5, s7                      # s5: the next bytes
    lw      s6, SEGMENT_BYTES(s2)
    add     s6, s6, s5                      # s6: their end
2:  mv      a0, s1
    srli    a1, s4, 12
    slli    a1, a1, 12
    lw      a2, SEGMENT_FLAGS(s2)
    call    map_new_page
    beqz    a0, 7f
    li      t1, PAGE
    add     t1, t1, a0
    slli    t0, s4, 20
    srli    t0, t0, 20
    add     t0, t0, a0
3:  bgeu    s5, s6, 4f
    lw      t2, 0(s5)
    lw      t3, 4(s5)
    lw      t4, 8(s5)
    lw      t5, 12(s5)
    sw      t2, 0(t0)
    sw      t3, 4(t0)
    sw      t4, 8(t0)
    sw      t5, 12(t0)
    addi    s5, s5, 16
    addi    t0, t0, 16
    bltu    t0, t1, 3b
4:  li      t0, PAGE                        # the next page
    add     s4, s4, t0
    srli    s4, s4, 12
    slli    s4, s4, 12
    lw      t0, SEGMENT_ADDRESS(s2)
    lw      t1, SEGMENT_MEMORY(s2)
    add     t0, t0, t1
    bltu    s4, t0, 2b
    sw      s4, PROCESS_BREAK(s1)           # the heap begins after the last one
    addi    s2, s2, SEGMENT_SIZE
    addi    s3, s3, -1
    j       1b
6:  la      t0, code_generation
    lw      t1, (t0)
    addi    t1, t1, 1
    sw      t1, (t0)
    lw      t0, PROGRAM_LIBRARY(s7)
    sw      t0, PROCESS_LIBRARY(s1)
    lw      a0, PROGRAM_ENTRY(s7)
7:  leave   s1, s2, s3, s4, s5, s6, s7

# file_entry(a0: file): its directory entry, or 0.
file_entry:
    la      t0, image
    lw      t1, (t0)
    bgeu    a0, t1, 1f
    li      t1, ENTRY_SIZE
    mul     a0, a0, t1
    add     a0, a0, t0
    addi    a0, a0, 4
    ret
1:  li      a0, 0
    ret

# --- system calls ------------------------------------------------------------------------------------------
call_open:
    enter
    mv      a1, a0
    addi    sp, sp, -32                     # room for a name
    mv      a0, sp
    li      a2, NAME_LENGTH
    mv      a3, s1
    call    copy_text_from_user
    bnez    a0, 1f
    mv      a0, sp
    call    file_find
    mv      t0, a0
    li      a0, ERROR_MISSING
    beqz    t0, 1f
    lw      t1, ENTRY_BYTES(t0)
    sw      t1, FRAME_A1(s0)
    la      t1, image + 4
    sub     a0, t0, t1
    li      t1, ENTRY_SIZE
    divu    a0, a0, t1
1:  addi    sp, sp, 32
    leave

call_read_file:
    enter   s2
    mv      t2, a1                          # t2: the offset
    mv      s2, a3                          # s2: how many bytes
    call    file_entry
    beqz    a0, 3f
    lw      t0, ENTRY_BYTES(a0)
    bltu    t0, t2, 4f
    sub     t0, t0, t2
    bgeu    t0, s2, 1f
    mv      s2, t0
1:  lw      a1, ENTRY_OFFSET(a0)
    la      t0, image
    add     a1, a1, t0
    add     a1, a1, t2
    mv      a0, a2
    mv      a2, s2
    mv      a3, s1
    call    copy_to_user
    bnez    a0, 2f
    mv      a0, s2
2:  leave   s2
3:  li      a0, ERROR_MISSING
    leave   s2
4:  li      a0, ERROR_INVALID
    leave   s2

call_list:
    enter   s2
    mv      s2, a1
    call    file_entry
    beqz    a0, 1f
    mv      a1, a0
    mv      a0, s2
    li      a2, ENTRY_SIZE
    mv      a3, s1
    call    copy_to_user
    leave   s2
1:  li      a0, ERROR_MISSING
    leave   s2
