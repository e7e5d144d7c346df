# container.s - containers: `container run box`, `container start box count 9`, `container list`, ...
#
#   container images                          what containers can be made of, and of which layers
#   container run [LIMIT=N...] IMAGE [COMMAND]    make a container, and wait for its end; it gets what is typed
#   container start [LIMIT=N...] IMAGE [COMMAND]  make one, and leave it alone
#   container enter NUMBER COMMAND            one more process in a container; wait for its end
#   container list                            what they use, and at most may use
#   container stop NUMBER                     end one
#
# A LIMIT is pages, processes, threads, regions, transfers or share.
    .include "user.inc"

    .text
    .globl  main
main:
    enter   s0, s1, s2
    call    take_word
    mv      s0, a0                          # s0: what to do, s1: the rest
    mv      s1, a1
    la      s2, commands
1:  lw      a1, 0(s2)
    beqz    a1, usage
    mv      a0, s0
    call    text_equal
    bnez    a0, 2f
    addi    s2, s2, 8
    j       1b
2:  lw      t0, 4(s2)
    mv      a0, s1
    jalr    t0
    leave   s0, s1, s2
usage:
    say     "container images | list | run IMAGE [COMMAND] | start IMAGE [COMMAND]\n"
    say     "        | enter NUMBER COMMAND | stop NUMBER\n"
    li      a0, 2
    leave   s0, s1, s2

# run, start(a0: text): a0: the status of the container's first process.
container_run:
    enter   s0, s1
    call    create
    bgez    a0, await
    li      a0, 1
    leave   s0, s1
container_start:
    enter   s0, s1
    call    create
    mv      s1, a1
    mv      s0, a0
    li      a0, 1
    bltz    s0, 1f
    say     "container "
    say_number s1
    say     "\n"
    li      a0, 0
1:  leave   s0, s1

# enter(a0: text)
container_enter_command:
    enter   s0, s1
    call    container_number
    mv      s0, a0
    mv      t0, a0
    li      a0, 1
    bltz    t0, 1b
    mv      a0, a1
    call    take_word
    mv      a2, a1
    mv      a1, a0
    mv      a0, s0
    call    container_enter
    bgez    a0, await
    call    complain
    leave   s0, s1
await:                                      # it gets what is typed, and Ctrl-C, until it ends
    mv      s0, a0
    call    foreground
    mv      a0, s0
    li      a1, 0
    call    wait
    mv      s1, a1
    li      a0, 0
    call    foreground
    li      t0, STATUS_FAULT
    mv      a0, s1
    bltu    s1, t0, 2f
    say     "container: its first process was ended\n"
    li      a0, 1
2:  leave   s0, s1

# create(a0: text): limits, image, command: its first process and its number, or -1 after a message.
create:
    enter   s0, s1, s2
    mv      s1, a0
1:  mv      a0, s1
    call    take_word
    mv      s0, a0
    mv      s1, a1
    call    take_limit
    bltz    a0, 3f
    bnez    a0, 1b
    mv      a0, s0
    mv      a1, s1
    la      a2, limits
    call    container_create
    bgez    a0, 2f
    call    complain
    li      a0, -1
2:  leave   s0, s1, s2
3:  say     "container: limits are pages=, processes=, threads=, regions=, transfers= and share=1 to 100\n"
    li      a0, -1
    leave   s0, s1, s2

# take_limit(a0: word): 1: it was a limit, 0: it is none, -1: it is a wrong one.
take_limit:
    enter   s0, s1, s2
    mv      s0, a0
1:  lbu     t0, (a0)
    beqz    t0, 5f
    li      t1, '='
    addi    a0, a0, 1
    bne     t0, t1, 1b
    sb      zero, -1(a0)
    call    parse_number
    mv      s1, a0
    beqz    a1, 4f
    bnez    s1, 6f
    li      s1, LIMITS_NONE
6:  la      s2, names_of_limits
2:  lw      a1, 0(s2)
    beqz    a1, 4f
    mv      a0, s0
    call    text_equal
    bnez    a0, 3f
    addi    s2, s2, 8
    j       2b
3:  lw      t0, 4(s2)
    la      t1, limits
    add     t0, t0, t1
    sw      s1, (t0)
    li      a0, 1
    leave   s0, s1, s2
4:  li      a0, -1
    leave   s0, s1, s2
5:  li      a0, 0
    leave   s0, s1, s2

# container_number(a0: text): a0: the number at its start, or -1 after a message; a1: the rest.
container_number:
    enter   s0, s1
    call    take_word
    mv      s1, a1
    call    parse_number
    bnez    a1, 1f
    li      a0, ERROR_MISSING
    call    complain
    li      a0, -1
1:  mv      a1, s1
    leave   s0, s1

# complain(a0: error): print it; a0: 1.
complain:
    enter
    li      t0, ERROR_MISSING
    beq     a0, t0, 1f
    li      t0, ERROR_MEMORY
    beq     a0, t0, 2f
    li      t0, ERROR_FORBIDDEN
    beq     a0, t0, 3f
    say     "container: this cannot be started\n"
    j       4f
1:  say     "container: no such image, container or program\n"
    j       4f
2:  say     "container: not enough pages, processes, threads, regions or transfers are left for it\n"
    j       4f
3:  say     "container: only the host can do that\n"
4:  li      a0, 1
    leave

# stop(a0: text): kill its first process; the others end with it.
container_stop:
    enter   s0, s1
    call    container_number
    bltz    a0, 3f
    mv      s0, a0
    li      s1, 0
1:  mv      a0, s1
    la      a1, detail
    call    container_info
    bltz    a0, 2f
    addi    s1, s1, 1
    beqz    a0, 1b
    lw      t0, detail + DETAIL_CONTAINER
    bne     t0, s0, 1b
    lw      a0, detail + DETAIL_FIRST
    call    kill
    beqz    a0, 3f
2:  call    complain
3:  leave   s0, s1

container_list:
    enter   s0, s1, s2
    li      s0, 0
1:  mv      a0, s0
    la      a1, detail
    call    container_info
    bltz    a0, 3f
    bnez    s0, 5f
    mv      s1, a0
    say     "container share     pages processes   threads   time us image\n"
    mv      a0, s1
5:  addi    s0, s0, 1
    beqz    a0, 1b
    lw      a0, detail + DETAIL_CONTAINER
    li      a1, 9
    call    print_padded
    lw      a0, detail + DETAIL_SHARE
    li      a1, 6
    call    print_padded
    li      s1, 0
2:  la      s2, detail
    add     s2, s2, s1
    lw      a0, DETAIL_USED(s2)
    li      a1, 6
    call    print_padded
    say     "/"
    la      s2, detail
    add     s2, s2, s1
    lw      a0, DETAIL_LIMITS(s2)
    call    print_number
    addi    s1, s1, 4
    li      t0, 12
    bltu    s1, t0, 2b
    lw      a0, detail + DETAIL_TIME
    li      t0, 10
    divu    a0, a0, t0
    li      a1, 10
    call    print_padded
    say     " "
    la      a0, detail + DETAIL_IMAGE
    call    print
    say     "\n"
    j       1b
3:  li      t0, ERROR_FORBIDDEN
    beq     a0, t0, 4f
    li      a0, 0
    leave   s0, s1, s2
4:  call    complain
    leave   s0, s1, s2

container_images:
    enter   s0, s1, s2
    li      s0, 0
1:  mv      a0, s0
    la      a1, made_of
    call    image_info
    blez    a0, 4f
    addi    s0, s0, 1
    la      a0, made_of + IMAGE_NAME
    call    print
    say     ":"
    li      s1, 0                           # its layers, from the top
2:  lw      t0, made_of + IMAGE_LAYERS
    bgeu    s1, t0, 3f
    say     " "
    slli    t0, s1, 2
    la      t1, made_of + IMAGE_DIGESTS
    add     s2, t1, t0
    lbu     a0, 0(s2)                       # the digits as people write them
    lbu     t0, 1(s2)
    slli    a0, a0, 8
    or      a0, a0, t0
    lbu     t0, 2(s2)
    slli    a0, a0, 8
    or      a0, a0, t0
    lbu     t0, 3(s2)
    slli    a0, a0, 8
    or      a0, a0, t0
    call    print_hex
    addi    s1, s1, 1
    j       2b
3:  say     "\n"
    j       1b
4:  li      t0, ERROR_FORBIDDEN
    beq     a0, t0, 5f
    li      a0, 0
    leave   s0, s1, s2
5:  call    complain
    leave   s0, s1, s2

    .section .rodata
    .macro  pair name, value
    .section .rodata
9:  .asciz  "\name"
    .section .pairs, "a"
    .word   9b, \value
    .section .rodata
    .endm
    .section .pairs, "a"
    .balign 4
commands:
    pair    "run", container_run
    pair    "start", container_start
    pair    "enter", container_enter_command
    pair    "stop", container_stop
    pair    "list", container_list
    pair    "images", container_images
    .section .pairs, "a"
    .word   0
names_of_limits:
    pair    "pages", LIMITS_PAGES
    pair    "processes", LIMITS_PROCESSES
    pair    "threads", LIMITS_THREADS
    pair    "regions", LIMITS_REGIONS
    pair    "transfers", LIMITS_TRANSFERS
    pair    "share", LIMITS_SHARE
    .section .pairs, "a"
    .word   0

    .bss
    .balign 4
limits:
    .zero   LIMITS_SIZE
detail:
    .zero   DETAIL_SIZE
made_of:
    .zero   IMAGE_SIZE
