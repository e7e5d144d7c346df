# containers.s - containers: groups of processes that share the kernel, and nothing else.
#
# A container has numbers of its own for its processes (numbers.s), an image as its file system (files.s), its
# own mark at the console (terminals.s), a share of time (shares.s), limits, and a set of system calls.  The
# host is the container of the first process; it alone can make others, and sees into them.
#
# A limit is also a promise: the host gives a new container part of its own limits, and gets it back when the
# container has gone.  So all limits together are never more than there is, and a container that exhausts its
# own hurts nobody else.
#
# A container ends with its first process: the others are killed.

    .include "burrow.inc"

    .globl  host, ready_queue, containers, container_end, container_free
    .globl  call_container_create, call_container_enter, call_container_info, call_image_info

    .text
# container_find(a0: number): a container that is not ending, or 0.  The host is none.
container_find:
    lw      t0, host + CONTAINER_NEXT
1:  beqz    t0, 3f
    lw      t1, CONTAINER_NUMBER(t0)
    bne     t1, a0, 2f
    lw      t1, CONTAINER_ENDING(t0)
    beqz    t1, 3f
2:  lw      t0, CONTAINER_NEXT(t0)
    j       1b
3:  mv      a0, t0
    ret

# image_find(a0: name, text in the kernel): an image, or 0.  The first one is the host's.
image_find:
    lw      t0, image
    la      t1, image + 4
1:  addi    t0, t0, -1
    beqz    t0, 4f
    addi    t1, t1, IMAGE_SIZE
    mv      t2, a0
    mv      t3, t1
2:  lbu     t4, (t2)
    lbu     t5, IMAGE_NAME(t3)
    bne     t4, t5, 1b
    addi    t2, t2, 1
    addi    t3, t3, 1
    bnez    t4, 2b
    mv      a0, t1
    ret
4:  li      a0, 0
    ret

# container_new(a0: image, a1: its LIMITS record): a container without processes, or 0 if the host has not so much.
container_new:
    enter   s2, s3
    mv      s2, a0
    la      a0, containers
    la      t0, containers_end
1:  lw      t1, CONTAINER_ROOT(a0)
    beqz    t1, 2f
    addi    a0, a0, CONTAINER_SIZE
    bltu    a0, t0, 1b
    li      a0, 0
    leave   s2, s3
2:  mv      s3, a0
    la      t0, host
    li      a0, 0
    .irp    resource, PAGES, PROCESSES, THREADS, SHARED_REGIONS, TRANSFERS
    lw      t1, CONTAINER_LIMITS + \resource(t0)    # what the host has not used itself
    lw      t2, CONTAINER_USED + \resource(t0)
    sub     t1, t1, t2
    lw      t2, LIMITS_PAGES + \resource(a1)
    bltu    t1, t2, 4f
    .endr
    mv      t1, s3
    addi    t2, s3, CONTAINER_SIZE
3:  sw      zero, (t1)
    addi    t1, t1, 4
    bltu    t1, t2, 3b
    .irp    resource, PAGES, PROCESSES, THREADS, SHARED_REGIONS, TRANSFERS
    lw      t2, LIMITS_PAGES + \resource(a1)
    sw      t2, CONTAINER_LIMITS + \resource(s3)
    lw      t1, CONTAINER_LIMITS + \resource(t0)
    sub     t1, t1, t2
    sw      t1, CONTAINER_LIMITS + \resource(t0)
    .endr
    lw      t1, LIMITS_SHARE(a1)
    sw      t1, CONTAINER_SHARE(s3)
    sw      s2, CONTAINER_ROOT(s3)
    la      t0, last_container
    lw      t1, (t0)
    addi    t1, t1, 1
    sw      t1, (t0)
    sw      t1, CONTAINER_NUMBER(s3)
    mv      a0, s3
    call    fill_calls
    mv      a0, s3
    call    share_begin
    mv      a0, s3
4:  leave   s2, s3

# container_end(a0: container): its first process has ended: so do the others.
container_end:
    enter   s2, s3, s4
    mv      s2, a0
    li      t0, 1
    sw      t0, CONTAINER_ENDING(s2)
    la      s3, processes
    la      s4, processes_end
1:  lw      t0, PROCESS_STATE(s3)
    li      t1, PROCESS_ALIVE
    bne     t0, t1, 2f
    lw      t0, PROCESS_CONTAINER(s3)
    bne     t0, s2, 2f
    mv      a0, s3
    li      a1, STATUS_KILLED
    call    process_kill
2:  addi    s3, s3, PROCESS_SIZE
    bltu    s3, s4, 1b
    leave   s2, s3, s4

# container_free(a0: container): its last process has gone: give back its limits, and its console.
container_free:
    enter   s2
    mv      s2, a0
    la      t0, host
    .irp    resource, PAGES, PROCESSES, THREADS, SHARED_REGIONS, TRANSFERS
    lw      t1, CONTAINER_LIMITS + \resource(t0)
    lw      t2, CONTAINER_LIMITS + \resource(s2)
    add     t1, t1, t2
    sw      t1, CONTAINER_LIMITS + \resource(t0)
    .endr
    call    share_end
    lw      t0, line_of
    bne     t0, s2, 1f
    call    end_line
1:  sw      zero, CONTAINER_ROOT(s2)
    lw      t0, input_for
    bne     t0, s2, 2f
    la      a0, host
    call    switch_input
2:  leave   s2

# --- system calls ------------------------------------------------------------------------------------------
# container_create: a container, and its first process.
call_container_create:
    enter   s2, s3, s4
    mv      s2, a1
    mv      s3, a2
    mv      a1, a0
    la      a0, image_name
    li      a2, NAME_LENGTH
    mv      a3, s1
    call    copy_text_from_user
    bnez    a0, 5f
    la      a0, command
    mv      a1, s2
    li      a2, ARGUMENTS_LENGTH
    mv      a3, s1
    call    copy_text_from_user
    bnez    a0, 5f
    la      a0, limits
    li      a2, LIMITS_SIZE
    mv      t0, a0
1:  sw      zero, (t0)
    addi    t0, t0, 4
    addi    a2, a2, -4
    bnez    a2, 1b
    beqz    s3, 2f
    mv      a1, s3
    li      a2, LIMITS_SIZE
    mv      a3, s1
    call    copy_from_user
    bnez    a0, 5f
2:  la      a0, image_name
    call    image_find
    mv      s2, a0                          # s2: the image, then the container
    li      a0, ERROR_MISSING
    beqz    s2, 5f
    la      a1, limits
    .irp    n, 0, 4, 8, 12, 16, 20
    lw      t0, \n(a1)
    bnez    t0, 3f
    lw      t0, IMAGE_LIMITS + \n(s2)
3:  addi    t1, t0, -LIMITS_NONE
    bnez    t1, 8f
    li      t0, 0
8:  sw      t0, \n(a1)
    .endr
    li      a0, ERROR_INVALID
    addi    t0, t0, -1                      # the share
    li      t1, MOST_SHARE
    bgeu    t0, t1, 5f
    lbu     t0, command
    bnez    t0, 6f
    addi    t0, s2, IMAGE_COMMAND           # the image's own
    la      t1, command
4:  lbu     t2, (t0)
    sb      t2, (t1)
    addi    t0, t0, 1
    addi    t1, t1, 1
    bnez    t2, 4b
6:  mv      a0, s2
    call    container_new
    mv      s2, a0
    li      a0, ERROR_MEMORY
    beqz    s2, 5f
    la      a0, command                     # the name of a program, and its arguments
    call    split_command
    mv      a1, a0
    li      a0, ERROR_INVALID
    beqz    a1, 7f
    la      a0, command
    mv      a2, s1
    mv      a3, s2
    call    process_create
    bltz    a0, 7f
    lw      t0, CONTAINER_NUMBER(s2)
    sw      t0, FRAME_A1(s0)
    lw      a0, host + CONTAINER_LAST
    sw      a0, CONTAINER_FIRST(s2)
5:  leave   s2, s3, s4
7:  mv      s3, a0
    mv      a0, s2
    call    container_free
    mv      a0, s3
    leave   s2, s3, s4

# split_command(a0: text): end its first word with a zero byte; a0: the rest, or 0 if no name can be that long.
split_command:
    li      t1, ' '
    addi    t2, a0, NAME_LENGTH
1:  lbu     t0, (a0)
    beqz    t0, 4f
    beq     t0, t1, 2f
    addi    a0, a0, 1
    bltu    a0, t2, 1b
    li      a0, 0
    ret
2:  sb      zero, (a0)
3:  addi    a0, a0, 1
    lbu     t0, (a0)
    beq     t0, t1, 3b
4:  ret

# container_enter: one more process in a container.
call_container_enter:
    enter   s2, s3
    mv      s2, a2
    mv      s3, a1
    call    container_find
    beqz    a0, 2f
    mv      a1, s3
    mv      s3, a0
    la      a0, command
    li      a2, NAME_LENGTH
    mv      a3, s1
    call    copy_text_from_user
    bnez    a0, 1f
    la      a0, command + NAME_LENGTH
    mv      a1, s2
    li      a2, ARGUMENTS_LENGTH
    mv      a3, s1
    call    copy_text_from_user
    bnez    a0, 1f
    la      a0, command
    la      a1, command + NAME_LENGTH
    mv      a2, s1
    mv      a3, s3
    call    process_create
    bltz    a0, 1f
    lw      a0, host + CONTAINER_LAST
1:  leave   s2, s3
2:  li      a0, ERROR_MISSING
    leave   s2, s3

call_container_info:
    enter   s2
    mv      s2, a1
    li      t0, MOST_CONTAINERS
    mv      t1, a0
    li      a0, ERROR_MISSING
    addi    t0, t0, -1
    bgeu    t1, t0, 3f
    li      t0, CONTAINER_SIZE
    mul     t0, t0, t1
    la      t1, containers
    add     t0, t0, t1
    li      a0, 0
    lw      t3, CONTAINER_ROOT(t0)
    beqz    t3, 3f
    la      a1, detail
    lw      t1, CONTAINER_NUMBER(t0)
    sw      t1, DETAIL_CONTAINER(a1)
    lw      t1, CONTAINER_FIRST(t0)
    sw      t1, DETAIL_FIRST(a1)
    lw      t1, CONTAINER_SHARE(t0)
    sw      t1, DETAIL_SHARE(a1)
    lw      t1, CONTAINER_TIME(t0)
    sw      t1, DETAIL_TIME(a1)
    .irp    n, 0, 4, 8, 12, 16
    lw      t1, CONTAINER_USED + \n(t0)
    sw      t1, DETAIL_USED + \n(a1)
    lw      t1, CONTAINER_LIMITS + \n(t0)
    sw      t1, DETAIL_LIMITS + \n(a1)
    .endr
    .irp    n, 0, 4, 8, 12, 16, 20
    lw      t1, IMAGE_NAME + \n(t3)
    sw      t1, DETAIL_IMAGE + \n(a1)
    .endr
    li      a2, DETAIL_SIZE
    mv      a0, s2
    mv      a3, s1
    call    copy_to_user
    bnez    a0, 3f
    li      a0, 1
3:  leave   s2

call_image_info:
    enter
    mv      t1, a0
    lw      t0, image
    addi    t0, t0, -1                      # the host's is not counted
    li      a0, ERROR_MISSING
    bgeu    t1, t0, 1f
    mv      a0, a1
    addi    t1, t1, 1
    li      t0, IMAGE_SIZE
    mul     t0, t0, t1
    la      a1, image + 4
    add     a1, a1, t0
    li      a2, IMAGE_SIZE
    mv      a3, s1
    call    copy_to_user
    bnez    a0, 1f
    li      a0, 1
1:  leave

    .data
    .balign 4
last_container:                             # numbers are never reused
    .word   0
host:
    .org    host + CONTAINER_READY
ready_queue:
    .word   0, 0
    .org    host + CONTAINER_ROOT
    .word   image + 4
    .org    host + CONTAINER_SHARE
    .word   MOST_SHARE
    .org    host + CONTAINER_LIMITS + PROCESSES     # memory.s knows how many pages there are
    .word   MOST_PROCESSES, MOST_THREADS, MOST_REGIONS, MOST_TRANSFERS
    .org    host + CONTAINER_SIZE

    .bss
    .balign 16
containers:                                 # but for the host
    .zero   CONTAINER_SIZE * (MOST_CONTAINERS - 1)
containers_end:
limits:
    .zero   LIMITS_SIZE
detail:
    .zero   DETAIL_SIZE
image_name:
    .zero   NAME_LENGTH
command:
    .zero   NAME_LENGTH + ARGUMENTS_LENGTH
