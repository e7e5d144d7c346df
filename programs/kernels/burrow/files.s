# files.s - the read-only file system, which build.py packs into the kernel's image.
#
# It holds images, one for the host and one for each that a container can be made of, and layers.  A layer has
# the number of its files, an ENTRY record for each, then their contents; an image says which layers it has.
# A name is looked up from the top layer to the bottom, so a file hides those below it that have its name, and
# an entry that says `deleted` hides them too.  A layer that several images have is there once (layers.py).
# Files are not opened or closed: a file is known by its number, counted through all layers of its image from
# the top, and a read gives the offset.
# A program begins with a header: its entry point, its count of library calls, and its segments.

    .include "burrow.inc"

    .globl  file_find, program_load, call_open, call_read_file, call_list

    .equ    DELETED, 2                      # as ENTRY_KIND
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
# file_find(a0: name, text in the kernel, a1: image): its directory entry, or 0.
file_find:
    lw      t6, IMAGE_LAYERS(a1)            # t6: layers to go
1:  beqz    t6, 5f
    addi    t6, t6, -1
    lw      t0, IMAGE_OFFSETS(a1)
    addi    a1, a1, 4
    la      t1, image
    add     t0, t0, t1
    lw      t1, (t0)                        # t1: entries to go
    addi    t0, t0, 4
2:  beqz    t1, 1b
    addi    t1, t1, -1
    mv      t2, a0
    mv      t3, t0
3:  lbu     t4, (t2)
    lbu     t5, (t3)
    bne     t4, t5, 4f
    addi    t2, t2, 1
    addi    t3, t3, 1
    bnez    t4, 3b
    lw      t1, ENTRY_KIND(t0)
    li      t2, DELETED
    beq     t1, t2, 5f
    mv      a0, t0
    ret
4:  addi    t0, t0, ENTRY_SIZE
    j       2b
5:  li      a0, 0
    ret

# program_load(a0: process, a1: directory entry): map its code and data; a0: entry point, 0 if out of memory.
program_load:
    enter   s1, s2, s3, s4, s5, s6, s7
    mv      s1, a0
    lw      s7, ENTRY_OFFSET(a1)
    add     s7, s7, a1                      # s7: the program
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

# image_of(): in t0, the image of process s1.
image_of:
    lw      t0, PROCESS_CONTAINER(s1)
    lw      t0, CONTAINER_ROOT(t0)
    ret

# file_entry(a0: file): its directory entry, or 0; a1: whether another layer hides it.
file_entry:
    enter   s2
    call    image_of
    lw      t3, IMAGE_LAYERS(t0)            # t3: layers to go
    mv      t4, t0
1:  beqz    t3, 4f
    addi    t3, t3, -1
    lw      t1, IMAGE_OFFSETS(t4)
    addi    t4, t4, 4
    la      t2, image
    add     t1, t1, t2
    lw      t2, (t1)                        # t2: its entries
    bltu    a0, t2, 2f
    sub     a0, a0, t2
    j       1b
2:  li      t2, ENTRY_SIZE
    mul     a0, a0, t2
    add     a0, a0, t1
    addi    s2, a0, 4
    mv      a1, t0
    mv      a0, s2
    call    file_find
    xor     a1, a0, s2
    snez    a1, a1
    mv      a0, s2
    leave   s2
4:  li      a0, 0
    leave   s2

# file_number(a0: directory entry of the image of process s1): its number.
file_number:
    mv      t6, ra
    call    image_of
    mv      ra, t6
    li      t3, 0                           # t3: files of the layers above
1:  lw      t1, IMAGE_OFFSETS(t0)
    addi    t0, t0, 4
    la      t2, image
    add     t1, t1, t2
    lw      t2, (t1)
    addi    t1, t1, 4                       # t1: the entries of this layer, t4: their end
    li      t4, ENTRY_SIZE
    mul     t4, t4, t2
    add     t4, t4, t1
    bltu    a0, t1, 2f
    bltu    a0, t4, 3f
2:  add     t3, t3, t2
    j       1b
3:  sub     a0, a0, t1
    li      t1, ENTRY_SIZE
    divu    a0, a0, t1
    add     a0, a0, t3
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
    call    image_of
    mv      a1, t0
    mv      a0, sp
    call    file_find
    mv      t0, a0
    li      a0, ERROR_MISSING
    beqz    t0, 1f
    lw      t1, ENTRY_BYTES(t0)
    sw      t1, FRAME_A1(s0)
    mv      a0, t0
    call    file_number
1:  addi    sp, sp, 32
    leave

call_read_file:
    enter   s2, s3, s4
    mv      s3, a1                          # s3: the offset
    mv      s4, a2                          # s4: where to
    mv      s2, a3                          # s2: how many bytes
    call    file_entry
    beqz    a0, 3f
    bnez    a1, 3f
    mv      t2, s3
    lw      t0, ENTRY_BYTES(a0)
    bltu    t0, t2, 4f
    sub     t0, t0, t2
    bgeu    t0, s2, 1f
    mv      s2, t0
1:  lw      a1, ENTRY_OFFSET(a0)
    add     a1, a1, a0
    add     a1, a1, t2
    mv      a0, s4
    mv      a2, s2
    mv      a3, s1
    call    copy_to_user
    bnez    a0, 2f
    mv      a0, s2
2:  leave   s2, s3, s4
3:  li      a0, ERROR_MISSING
    leave   s2, s3, s4
4:  li      a0, ERROR_INVALID
    leave   s2, s3, s4

call_list:
    enter   s2
    mv      s2, a1
    call    file_entry
    beqz    a0, 1f
    bnez    a1, 2f
    mv      a1, a0
    mv      a0, s2
    li      a2, ENTRY_SIZE
    mv      a3, s1
    call    copy_to_user
    leave   s2
1:  li      a0, ERROR_MISSING
    leave   s2
2:  li      a0, 1                           # not of this image, but there are more
    leave   s2
