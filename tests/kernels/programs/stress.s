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

# producer(a0: its number): put ITEMS items into the buffer, each of which there is once.
producer:
    enter
    mv      s0, a0
    slli    a0, a0, 1
    call    random_begin
    lw      s1, ITEMS(s11)
    lw      s2, number
    lw      t0, WORKERS(s11)
    mul     s2, s2, t0
    add     s2, s2, s0
    mul     s2, s2, s1                      # s2: the item
    addi    a0, s1, 1                       # some memory of its own
    slli    a0, a0, 4
    call    allocate
    mv      s3, a0
1:  beqz    s1, 5f
    sw      s2, (s3)
    call    jitter
    addi    a0, s11, LOCK
    call    mutex_lock
2:  lw      s4, COUNT(s11)
    li      t0, SLOTS
    bltu    s4, t0, 3f
    addi    a0, s11, NOT_FULL
    addi    a1, s11, LOCK
    call    condition_wait
    j       2b
3:  lw      s5, TAIL(s11)
    andi    t0, s5, SLOTS - 1
    slli    t0, t0, 2
    add     t0, t0, s11
    sw      s2, SLOT(t0)
    call    jitter
    addi    s5, s5, 1
    sw      s5, TAIL(s11)
    addi    s4, s4, 1
    sw      s4, COUNT(s11)
    addi    a0, s11, LOCK
    call    mutex_unlock
    addi    a0, s11, NOT_EMPTY
    call    condition_signal
    call    tally
    lw      t0, (s3)
    beq     t0, s2, 4f
    failed  FAILED_MEMORY
4:  addi    s2, s2, 1
    addi    s1, s1, -1
    j       1b
5:  mv      a0, s3
    call    release
    mv      a0, s0
    leave

# consumer(a0: its number): take ITEMS items from the buffer, whosever they are.
consumer:
    enter
    mv      s0, a0
    slli    a0, a0, 1
    addi    a0, a0, 1
    call    random_begin
    lw      s1, ITEMS(s11)
1:  beqz    s1, 4f
    call    jitter
    addi    a0, s11, LOCK
    call    mutex_lock
2:  lw      s4, COUNT(s11)
    bnez    s4, 3f
    addi    a0, s11, NOT_EMPTY
    addi    a1, s11, LOCK
    call    condition_wait
    j       2b
3:  lw      s5, HEAD(s11)
    andi    t0, s5, SLOTS - 1
    slli    t0, t0, 2
    add     t0, t0, s11
    lw      s2, SLOT(t0)
    andi    s2, s2, 0x7ff
    call    jitter
    addi    s5, s5, 1
    sw      s5, HEAD(s11)
    addi    s4, s4, -1
    sw      s4, COUNT(s11)
    add     t0, s11, s2
    lbu     t1, SEEN(t0)
    addi    t1, t1, 1
    sb      t1, SEEN(t0)
    addi    a0, s11, LOCK
    call    mutex_unlock
    addi    a0, s11, NOT_FULL
    call    condition_signal
    call    tally
    addi    s1, s1, -1
    j       1b
4:  mv      a0, s0
    leave

# tally(): add 1 to two words under a lock.
tally:
    enter   s0, s1
    addi    a0, s11, TALLY_LOCK
    call    mutex_lock
    lw      s0, TALLY(s11)
    lw      t0, TALLY + 4(s11)
    beq     s0, t0, 1f
    failed  FAILED_TALLY
1:  addi    s0, s0, 1
    sw      s0, TALLY(s11)
    call    jitter
    sw      s0, TALLY + 4(s11)
    addi    a0, s11, TALLY_LOCK
    call    mutex_unlock
    leave   s0, s1

# --- messages: from whom, how many before it, and two words that are made of these
# message(a1: member, a2: how many before): a3, a4
message:
    slli    a3, a1, 16
    add     a3, a3, a2
    li      t0, 0x9e3779b9
    mul     a3, a3, t0
    not     a4, a3
    ret

# member_id(a0: number of the member, or one more than there are): its process
member_id:
    lw      t0, MEMBERS(s11)
    remu    a0, a0, t0
    slli    a0, a0, 2
    add     a0, a0, s11
    lw      a0, MEMBER_IDS(a0)
    ret

ring_sender:
    enter
    mv      s0, a0
    li      a0, 30
    call    random_begin
    lw      s1, MESSAGES(s11)
    li      s2, 0
    lw      s3, number
    addi    a0, s3, 1
    call    member_id
    mv      s4, a0
1:  beq     s2, s1, 3f
    call    jitter
    mv      a0, s4
    mv      a1, s3
    mv      a2, s2
    call    message
    call    send
    beqz    a0, 2f
    failed  FAILED_MESSAGE
2:  addi    s2, s2, 1
    j       1b
3:  mv      a0, s0
    leave

ring_receiver:
    enter
    mv      s0, a0
    li      a0, 31
    call    random_begin
    lw      s1, MESSAGES(s11)
    li      s2, 0
    lw      s3, number
    lw      t0, MEMBERS(s11)
    add     s3, s3, t0
    addi    s3, s3, -1
    remu    s3, s3, t0                      # s3: the member before this one, s4: its process
    mv      a0, s3
    call    member_id
    mv      s4, a0
1:  beq     s2, s1, 4f
    call    jitter
    li      a0, -1
    srai    t0, s10, 31                     # any message, or one of that process: it makes no difference
    bnez    t0, 2f
    mv      a0, s4
2:  call    receive
    bne     a0, s4, 5f
    call    check_message
3:  addi    s2, s2, 1
    j       1b
5:  failed  FAILED_MESSAGE
    j       3b
4:  mv      a0, s0
    leave

# check_message(a1 to a4: message): is it number s2 of member s3?
check_message:
    enter
    mv      t2, a3
    mv      t3, a4
    bne     a1, s3, 1f
    bne     a2, s2, 1f
    call    message
    bne     a3, t2, 1f
    beq     a4, t3, 2f
1:  failed  FAILED_MESSAGE
2:  leave

# client: ask, wait for the answer.  server: the answer is the question with 1 more.
client:
    enter
    mv      s0, a0
    li      a0, 30
    call    random_begin
    lw      s1, MESSAGES(s11)
    slli    s1, s1, 1
    li      s2, 0
    lw      s3, number
    lw      s4, MEMBER_IDS(s11)
1:  beq     s2, s1, 4f
    call    jitter
    mv      a0, s4
    mv      a1, s3
    mv      a2, s2
    call    message
    call    send
    bnez    a0, 5f
    call    jitter
    mv      a0, s4
    addi    s2, s2, 1
    call    receive
    bne     a0, s4, 5f
    call    check_message
3:  addi    s2, s2, 1
    j       1b
5:  failed  FAILED_MESSAGE
    j       3b
4:  mv      a0, s0
    leave

server:
    enter
    mv      s0, a0
    li      a0, 31
    call    random_begin
1:  addi    t0, s11, REQUESTS
    li      t1, -1
    amoadd.w t0, t1, (t0)
    blez    t0, 2f
    li      a0, -1
    call    receive
    mv      s4, a0
    mv      s3, a1
    mv      s2, a2
    call    check_message
    mv      a0, s3
    call    member_id
    bne     a0, s4, 3f
    call    jitter
    mv      a0, s4
    mv      a1, s3
    addi    a2, s2, 1
    call    message
    call    send
    beqz    a0, 1b
3:  failed  FAILED_MESSAGE
    j       1b
2:  mv      a0, s0
    leave

# --- victims: each waits for something that does not come, or ends in its own way
victim:
    lbu     s0, 7(a0)
    addi    s0, s0, -'0'
    li      a0, 0
    call    share_attach
    bne     a0, s11, exit
    slli    s1, s0, 2
    add     s1, s1, s11
    lw      t0, VICTIM_KINDS(s1)
    la      t1, victims
    slli    t0, t0, 2
    add     t1, t1, t0
    lw      t1, (t1)
    jr      t1

spin_thread:
victim_spins:
    j       .
victim_receives:
    li      a0, -1                          # another victim may send something
    call    receive
    bgez    a0, victim_receives
    j       victim_goes_on
victim_receives_from:                       # from the victim before it, which ends before this one
    call    other_victim
    call    receive
    li      a0, 34
    call    exit
victim_sends:
    call    other_victim
    call    send
    li      a0, 33
    call    exit
victim_waits:                               # at a futex
    li      s11, SHARED
    addi    a0, s11, NEVER
    li      a1, 0
    call    futex_wait
    j       victim_goes_on
victim_sleeps:                              # with a transfer under way
    li      a0, 0x7fffffff
    addi    a1, sp, -4
    call    disk
    li      a0, 0x7fffffff
    call    sleep
    j       victim_goes_on
victim_stores:                              # where nothing is
    sw      zero, -4(zero)
    j       victim_goes_on
victim_rules:
    csrw    satp, zero
    j       victim_goes_on
victim_joins:
    la      a0, spin_thread
    call    thread_create
    mv      s0, a0
    la      a0, spin_thread
    call    thread_create
    mv      a0, s0
    call    thread_join
    j       victim_goes_on
victim_waits_for_child:                     # which lives on when this one is gone
    la      a0, own_name
    la      a1, orphan_text
    call    spawn
victim_spawns_and_yields:
    call    yield
    j       victim_spawns_and_yields
victim_exits:                               # while threads of it run or wait
    la      a0, spin_thread
    call    thread_create
    la      a0, victim_waits
    call    thread_create
    call    yield
    li      a0, 44
    call    exit
victim_sends_to_itself:
    la      a0, spin_thread
    call    thread_create
    call    getpid
    call    send
victim_goes_on:
    failed  FAILED_VICTIM
    j       .

# other_victim(s0, s1: number of this one): the one before, or itself
other_victim:
    beqz    s0, 1f
    lw      a0, VICTIM_IDS - 4(s1)
    ret
1:  j       getpid

orphan:
    li      a0, 0
    call    share_attach
    bne     a0, s11, 1f
    li      a0, 100
    call    sleep
1:  li      a0, 55
    call    exit

# kill_victims(): but not those that wait for the one before them: its end must end them.
kill_victims:
    enter   s0, s1
    addi    s0, s11, VICTIM_IDS
    li      s1, 0
1:  lw      t0, VICTIMS(s11)
    beq     s1, t0, 4f
    call    jitter
    lw      t0, VICTIM_KINDS - VICTIM_IDS(s0)
    srli    t0, t0, 1
    addi    t0, t0, -1                      # kinds 2 and 3...
    bnez    t0, 2f
    bnez    s1, 3f                          # ...but the first victim, which waits for itself
2:  lw      a0, (s0)
    call    kill
    beqz    a0, 3f
    lw      t0, VICTIM_KINDS - VICTIM_IDS(s0)
    slli    t0, t0, 2
    la      t1, statuses                    # only those may be gone that can end by themselves
    add     t0, t0, t1
    lw      t0, (t0)
    bnez    t0, 3f
    failed  FAILED_KILL
3:  addi    s0, s0, 4
    addi    s1, s1, 1
    j       1b
4:  leave   s0, s1

check_sleep:
    enter   s0
    call    time
    mv      s0, a0
    li      a0, 1000
    call    sleep
    call    time
    sub     a0, a0, s0
    li      t0, 700                         # clocks of harts may differ by so much in a schedule of the tests
    bgeu    a0, t0, 1f
    failed  FAILED_SLEEP
1:  leave   s0

# reap(): wait for every child, by number or for any, and for the orphans.
reap:
    enter   s0, s1, s2, s3
    lw      s0, VICTIMS(s11)
    lw      t0, MEMBERS(s11)
    add     s0, s0, t0
    addi    s0, s0, -1                      # s0: children, s1: how many of them are reaped
    li      s1, 0
1:  beq     s1, s0, 7f
    li      a0, -1
    lw      t0, SEED(s11)
    andi    t0, t0, 1
    bnez    t0, 2f
    lw      t0, VICTIMS(s11)
    slli    a0, s1, 2
    add     a0, a0, s11
    bltu    s1, t0, 3f
    slli    t0, t0, 2
    sub     a0, a0, t0
    lw      a0, MEMBER_IDS + 4(a0)
    j       2f
3:  lw      a0, VICTIM_IDS(a0)
2:  li      a1, 0
    call    wait
    call    check_status
    beqz    a0, 4f
    failed  FAILED_WAIT
4:  addi    s1, s1, 1
    j       1b
7:  li      a0, -1                          # there are no more
    li      a1, 0
    call    wait
    li      t0, ERROR_MISSING
    beq     a0, t0, 8f
    failed  FAILED_WAIT
8:  la      a0, numbers
    li      a1, STATS
    call    stats
    la      t0, numbers
    lw      t1, 4 * STAT_SPAWN(t0)
    lw      t0, 4 * STAT_REAP(t0)
    addi    t0, t0, 1
    beq     t0, t1, 9f
    li      a0, 50
    call    sleep
    j       8b
9:  leave   s0, s1, s2, s3

# check_status(a0: process, a1: status): 0 if that process could end like that, and has not before.
check_status:
    li      t0, 0
1:  lw      t1, VICTIMS(s11)
    beq     t0, t1, 3f
    slli    t2, t0, 2
    add     t2, t2, s11
    lw      t3, VICTIM_IDS(t2)
    addi    t0, t0, 1
    bne     t3, a0, 1b
    sw      zero, VICTIM_IDS(t2)
    lw      t3, VICTIM_KINDS(t2)
    slli    t3, t3, 2
    la      t0, statuses
    add     t3, t3, t0
    lw      t3, (t3)
    li      a0, 0
    beq     a1, t3, 2f
    xori    a0, a1, STATUS_KILLED
2:  ret
3:  li      t0, 1
4:  lw      t1, MEMBERS(s11)
    bgeu    t0, t1, 5f
    slli    t2, t0, 2
    add     t2, t2, s11
    lw      t3, MEMBER_IDS(t2)
    addi    t0, t0, 1
    bne     t3, a0, 4b
    sw      zero, MEMBER_IDS(t2)
    addi    a0, a1, -99
    sub     a0, a0, t0
    ret
5:  li      a0, 1
    ret

check_results:
    enter
    lw      t0, MEMBERS(s11)
    lw      t1, WORKERS(s11)
    mul     t0, t0, t1
    lw      t1, ITEMS(s11)
    mul     t0, t0, t1                      # t0: all items
    slli    t1, t0, 1
    lw      t2, TALLY(s11)
    bne     t1, t2, 1f
    lw      t2, TALLY + 4(s11)
    beq     t1, t2, 2f
1:  failed  FAILED_TALLY
    j       6f
2:  addi    t1, s11, SEEN
    li      t2, 1
3:  beqz    t0, 4f
    lbu     t3, (t1)
    bne     t3, t2, 5f
    addi    t1, t1, 1
    addi    t0, t0, -1
    j       3b
4:  lbu     t3, (t1)
    bnez    t3, 5f
    lw      t0, COUNT(s11)
    beqz    t0, 6f
5:  failed  FAILED_ITEM
6:  leave

    .section .rodata
    .balign 4
victims:
    .word   victim_spins, victim_receives, victim_receives_from, victim_sends, victim_waits, victim_sleeps
    .word   victim_stores, victim_rules, victim_joins, victim_waits_for_child, victim_exits, victim_sends_to_itself
statuses:                                   # when they are not killed, 0 if they must be
    .word   0, 0, 34, 33, 0, 0
    .word   STATUS_FAULT + 15, STATUS_FAULT + 2, 0, 0, 44, 0
own_name:
    .asciz  "stress"
orphan_text:
    .asciz  "orphan"

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
