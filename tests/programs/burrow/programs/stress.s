# stress.s - everything that threads and processes of Burrow do with each other, at once, and checked.
#
#   stress SEED MEMBERS WORKERS ITEMS MESSAGES STAR JITTER VICTIMS
#
# The first process and its children are `members`.  In each of them WORKERS threads produce ITEMS items each
# into one buffer in shared memory, and as many consume them; two threads pass MESSAGES messages round a ring of the
# members, or, with STAR, ask the first member and wait for its answer.  Meanwhile VICTIMS other processes
# are killed while they wait for something, or end by themselves.  At the end the first member looks whether every item,
# message and process has come back exactly once.  A lost wake-up shows as a run that does not end.
    .include "user.inc"

    .equ    SHARED, 0x40400000              # region 0, the same in each process
    .equ    SLOTS, 4                        # of the buffer
    .equ    MOST_MEMBERS, 4
    .equ    MOST_VICTIMS, 4
    .equ    KINDS, 12                       # of victims

    # --- the shared memory
    .equ    SEED, 0                         # parameters, in the order of the arguments
    .equ    MEMBERS, 4
    .equ    WORKERS, 8
    .equ    ITEMS, 12
    .equ    MESSAGES, 16
    .equ    STAR, 20
    .equ    JITTER, 24                      # bits: 1 loops, 2 yields, 4 sleeps, 8 transfers at random places
    .equ    VICTIMS, 28
    .equ    PARAMETERS_END, 32
    .equ    GATE_LOCK, 32
    .equ    GATE, 36
    .equ    GATE_OPEN, 40
    .equ    LOCK, 44                        # of the buffer
    .equ    NOT_FULL, 48
    .equ    NOT_EMPTY, 52
    .equ    COUNT, 56
    .equ    HEAD, 60
    .equ    TAIL, 64
    .equ    TALLY_LOCK, 68
    .equ    TALLY, 72                       # two words that are the same whenever the lock is free
    .equ    REQUESTS, 80                    # that the servers have not taken yet
    .equ    FAILURES, 84                    # a bit for each kind of failure
    .equ    NEVER, 88                       # a word that nobody wakes
    .equ    ORPHANS, 92                     # that have come to their end
    .equ    SLOT, 96
    .equ    MEMBER_IDS, SLOT + 4 * SLOTS
    .equ    VICTIM_IDS, MEMBER_IDS + 4 * MOST_MEMBERS
    .equ    VICTIM_KINDS, VICTIM_IDS + 4 * MOST_VICTIMS
    .equ    SEEN, 256                       # a byte for each item

    .equ    FAILED_START, 0                 # a process or thread could not be made
    .equ    FAILED_THREAD, 1                # a thread's value is not the one that it returned
    .equ    FAILED_TALLY, 2                 # the two words differ under the lock, or miss something
    .equ    FAILED_ITEM, 3                  # an item has come twice, or not, or never was
    .equ    FAILED_MESSAGE, 4               # a message is another one than was to come
    .equ    FAILED_WAIT, 5                  # a process is not reaped, or with another status
    .equ    FAILED_KILL, 6
    .equ    FAILED_SLEEP, 7                 # woken too early
    .equ    FAILED_VICTIM, 8                # what cannot end has ended
    .equ    FAILED_MEMORY, 9                # memory of one's own has changed

# failed KIND: note it, and go on.
    .macro  failed kind
    addi    t0, s11, FAILURES
    li      t1, 1 << \kind
    amoor.w zero, t1, (t0)
    .endm

    .text
    .globl  main
main:                                       # s11, in all threads: the shared memory
    li      s11, SHARED
    lbu     t0, (a0)
    li      t1, 'm'
    beq     t0, t1, member
    li      t1, 'v'
    beq     t0, t1, victim
    li      t1, 'o'
    beq     t0, t1, orphan

# --- the first member
    mv      s0, a0
    li      a0, 1
    call    share_create
    bnez    a0, exit
    mv      s1, s11
    addi    s2, s11, PARAMETERS_END
1:  mv      a0, s0
    call    take_word
    mv      s0, a1
    call    parse_number
    sw      a0, (s1)
    addi    s1, s1, 4
    bltu    s1, s2, 1b
    lw      t0, MEMBERS(s11)
    addi    t0, t0, -1
    lw      t1, MESSAGES(s11)
    mul     t0, t0, t1
    sw      t0, REQUESTS(s11)
    call    getpid
    sw      a0, MEMBER_IDS(s11)
    li      a0, 0
    call    random_begin

    addi    s1, s11, VICTIM_IDS
    li      s0, 0
2:  lw      t0, VICTIMS(s11)                # victims: their kind is taken from the seed
    beq     s0, t0, 3f
    lw      t0, SEED(s11)
    slli    t1, s0, 3
    srl     t0, t0, t1
    andi    t0, t0, 0xff
    li      t1, KINDS
    remu    t0, t0, t1
    sw      t0, VICTIM_KINDS - VICTIM_IDS(s1)
    la      a1, victim_text
    call    spawn_numbered
    sw      a0, (s1)
    addi    s0, s0, 1
    addi    s1, s1, 4
    j       2b
3:  addi    s1, s11, MEMBER_IDS + 4
    li      s0, 1
4:  lw      t0, MEMBERS(s11)                # the other members
    bgeu    s0, t0, 5f
    la      a1, member_text
    call    spawn_numbered
    sw      a0, (s1)
    addi    s0, s0, 1
    addi    s1, s1, 4
    j       4b
5:  addi    a0, s11, GATE_LOCK              # now all know each other
    call    mutex_lock
    li      t0, 1
    sw      t0, GATE_OPEN(s11)
    addi    a0, s11, GATE
    call    condition_broadcast
    addi    a0, s11, GATE_LOCK
    call    mutex_unlock
    call    start_threads
    call    kill_victims
    call    join_threads
    call    reap
    call    check_sleep
    call    check_results
    lw      s0, FAILURES(s11)
    bnez    s0, 6f
    say     "stress: ok\n"
    li      a0, 0
    call    exit
6:  say     "stress: failures "
    mv      a0, s0
    call    print_hex
    say     "\n"
    li      a0, 1
    call    exit

# spawn_numbered(a1: arguments, whose last character is the number; s0: number): the process.
spawn_numbered:
    enter
    addi    t0, s0, '0'
    sb      t0, 7(a1)
    la      a0, own_name
    call    spawn
    bgez    a0, 1f
    failed  FAILED_START
1:  leave

# --- the other members
member:
    lbu     s0, 7(a0)
    addi    s0, s0, -'0'
    la      t0, number
    sw      s0, (t0)
    li      a0, 0
    call    share_attach
    bne     a0, s11, exit
    addi    a0, s11, GATE_LOCK
    call    mutex_lock
1:  lw      t0, GATE_OPEN(s11)
    bnez    t0, 2f
    addi    a0, s11, GATE
    addi    a1, s11, GATE_LOCK
    call    condition_wait
    j       1b
2:  addi    a0, s11, GATE_LOCK
    call    mutex_unlock
    call    start_threads
    lw      t0, SEED(s11)
    srl     t0, t0, s0
    andi    t0, t0, 1
    beqz    t0, 3f
    la      a0, spin_thread                 # is still there when the process ends
    call    thread_create
3:  call    join_threads
    addi    a0, s0, 100
    call    exit

# --- threads of a member
start_threads:
    enter   s0, s1, s2
    la      s2, made
    lw      s1, WORKERS(s11)
    li      s0, 0
1:  beq     s0, s1, 2f
    la      a0, producer
    call    start_thread
    la      a0, consumer
    call    start_thread
    addi    s0, s0, 1
    j       1b
2:  lw      t0, MESSAGES(s11)
    beqz    t0, 5f
    lw      t0, STAR(s11)
    bnez    t0, 3f
    la      a0, ring_sender
    call    start_thread
    la      a0, ring_receiver
    call    start_thread
    j       5f
3:  lw      t0, number
    beqz    t0, 4f
    la      a0, client
    call    start_thread
    j       5f
4:  la      a0, server                      # two, who share the work
    call    start_thread
    la      a0, server
    call    start_thread
5:  leave   s0, s1, s2

# start_thread(a0: function, s0: its number, s2: where to note it)
start_thread:
    enter
    mv      a1, s0
    call    thread_create
    sw      a0, 0(s2)
    sw      s0, 4(s2)
    addi    s2, s2, 8
    la      t0, made_end
    sw      s2, (t0)
    bgez    a0, 1f
    failed  FAILED_START
1:  leave

join_threads:
    enter   s0, s1
    la      s0, made
    lw      s1, made_end
1:  bgeu    s0, s1, 3f
    lw      a0, 0(s0)
    call    thread_join
    lw      t0, 4(s0)
    bne     a1, t0, 2f
    beqz    a0, 4f
2:  failed  FAILED_THREAD
4:  addi    s0, s0, 8
    j       1b
3:  leave   s0, s1

# random_begin(a0: a number that no other thread of this member has): set s11, and s10, this thread's random numbers.
random_begin:
    li      s11, SHARED
    lw      t0, number
    slli    t0, t0, 5
    add     t0, t0, a0
    li      t1, 0x9e3779b9
    mul     t0, t0, t1
    lw      s10, SEED(s11)
    xor     s10, s10, t0
    ret

# jitter(): lose some time, or none.
jitter:
    li      t0, 1664525
    mul     s10, s10, t0
    li      t0, 1013904223
    add     s10, s10, t0
    lw      t0, JITTER(s11)
    srli    t1, s10, 29
    srli    t2, s10, 20
    andi    t2, t2, 127
    li      t3, 7
    beq     t1, t3, 3f
    li      t3, 6
    beq     t1, t3, 2f
    li      t3, 4
    bltu    t1, t3, 4f
    andi    t0, t0, 1
    beqz    t0, 4f
1:  addi    t2, t2, -1
    bgez    t2, 1b
    ret
2:  andi    t0, t0, 2
    beqz    t0, 4f
    j       yield
3:  slli    t1, s10, 18                     # sleep, or wait for a transfer: one more random bit chooses
    bltz    t1, 5f
    andi    t0, t0, 4
    beqz    t0, 4f
    mv      a0, t2
    j       sleep
4:  ret
5:  andi    t0, t0, 8
    beqz    t0, 4b
    addi    sp, sp, -16
    sw      ra, 12(sp)
    sw      zero, 8(sp)
    mv      a0, t2
    addi    a1, sp, 8
    call    disk
    beqz    a0, 6f
    failed  FAILED_START
6:  lw      t0, 8(sp)
    bnez    t0, 7f
    addi    a0, sp, 8
    li      a1, 0
    call    futex_wait
    j       6b
7:  lw      ra, 12(sp)
    addi    sp, sp, 16
    ret

    .include "stress_work.inc"
    .include "stress_ends.inc"

    .data
member_text:
    .asciz  "member 0"
victim_text:
    .asciz  "victim 0"

    .bss
    .balign 4
number:                                     # of this member
    .zero   4
made_end:
    .zero   4
made:                                       # of each thread its number in the kernel, and its number here
    .zero   8 * 16
numbers:
    .zero   4 * STATS
