# servers.s - the same requests served by three kinds of server: what do they do while the disk is busy?
#
# A request computes, reads from the disk, and computes again.  While it waits for the disk, the server could
# work on another one.  Tanenbaum and van Steen ("Distributed Systems", on threads in servers) tell three ways to
# build a server:
#
#   single      one thread, blocking calls: it waits for the disk with every request.  Simple, no parallelism.
#   workers     a dispatcher hands each request to one of several worker threads, which use blocking calls.
#               The code of a worker is as simple, and on several harts they run in parallel.
#   machine     one thread, no blocking calls: a finite-state machine.  It starts a transfer, notes in a table
#               what is next for this request, and takes the next event: a new request or the end of a transfer.
#               The disk is never waited for, but all computing is done by one thread, on one hart.
#
# Requests arrive at fixed times, whether or not the server keeps up.  The latency of a request is counted
# from when it should have arrived.
#
#     trapline demo servers --harts 2
    .include "user.inc"

    .equ    REQUESTS, 100
    .equ    INTERVAL, 60                    # ticks of 100 ns between two of them
    .equ    HALF, 80                        # ticks that each of the two computations takes on an idle hart
    .equ    TRANSFER, 400                   # ticks that the disk takes
    .equ    WORKERS, 10

    # --- request record
    .equ    REQUEST_ARRIVAL, 0              # mtime, lower word
    .equ    REQUEST_NEXT, 4                 # finite-state machine: address of what is to be done next
    .equ    REQUEST_LATENCY, 8
    .equ    REQUEST_SIZE, 16

    # --- queue of request records: a mutex, a condition, and as much room as there are requests
    .equ    QUEUE_LOCK, 0
    .equ    QUEUE_FILLED, 4
    .equ    QUEUE_HEAD, 8                   # how many have been taken...
    .equ    QUEUE_TAIL, 12                  # ...and put
    .equ    QUEUE_ROOM, 16
    .equ    QUEUE_SIZE, QUEUE_ROOM + 4 * (REQUESTS + WORKERS)

    .text
    .globl  main
main:
    enter   s0, s1
    say     "server  requests/s     mean us   95 % us    max us   thread switches   system calls\n"
    la      a0, single_text
    la      a1, single
    call    measure
    la      a0, workers_text
    la      a1, dispatcher
    call    measure
    la      a0, machine_text
    la      a1, machine
    call    measure
    li      a0, 0
    leave   s0, s1

# --- the load ----------------------------------------------------------------------------------------------
# measure(a0: name, a1: function, a server that returns when all requests are served): a row of the table.
measure:
    enter   s0, s1, s2, s3
    mv      s0, a0
    mv      s1, a1
    la      t0, shared                      # nothing is left of the server before
    la      t1, shared_end
1:  sw      zero, (t0)
    addi    t0, t0, 4
    bltu    t0, t1, 1b
    la      a0, before
    li      a1, STATS
    call    stats
    call    time
    addi    s2, a0, 100                     # s2: when the first request arrives
    la      a0, load
    mv      a1, s2
    call    thread_create
    mv      s3, a0
    jalr    s1
    call    time
    sub     s1, a0, s2                      # s1: ticks for all of them
    mv      a0, s3
    call    thread_join
    la      a0, after
    li      a1, STATS
    call    stats

    mv      a0, s0
    call    print
    li      a0, REQUESTS * 10000000
    divu    a0, a0, s1
    li      a1, 10
    call    print_padded
    call    sort_latencies
    li      a1, REQUESTS * 10               # 10 ticks are 1 us
    divu    a0, a0, a1
    li      a1, 12
    call    print_padded
    la      t0, requests
    lw      a0, REQUEST_LATENCY + (REQUESTS * 95 / 100 - 1) * REQUEST_SIZE(t0)
    li      a1, 10
    call    print_ticks
    la      t0, requests
    lw      a0, REQUEST_LATENCY + (REQUESTS - 1) * REQUEST_SIZE(t0)
    li      a1, 10
    call    print_ticks
    lw      a0, after + 4 * STAT_THREAD
    lw      t0, before + 4 * STAT_THREAD
    sub     a0, a0, t0
    li      a1, 18
    call    print_padded
    lw      a0, after + 4 * STAT_CALL
    lw      t0, before + 4 * STAT_CALL
    sub     a0, a0, t0
    li      a1, 15
    call    print_padded
    say     "\n"
    leave   s0, s1, s2, s3

# print_ticks(a0: ticks, a1: width): in microseconds.
print_ticks:
    li      t0, 10
    divu    a0, a0, t0
    j       print_padded

# load(a0: mtime of the first request): make one after the other arrive.
load:
    enter   s0, s1, s2
    mv      s0, a0
    la      s1, requests
    li      s2, REQUESTS
1:  call    time
    sub     a0, s0, a0
    blez    a0, 2f                          # if this thread is late, the request is nevertheless counted from now
    call    sleep
    j       1b
2:  sw      s0, REQUEST_ARRIVAL(s1)
    la      t0, first_half
    sw      t0, REQUEST_NEXT(s1)
    la      a0, arrivals
    mv      a1, s1
    call    put
    li      t1, 1                           # an event for the finite-state machine, after the request is there
    la      a0, events
    amoadd.w.rl zero, t1, (a0)
    li      a1, 1
    call    futex_wake
    addi    s1, s1, REQUEST_SIZE
    addi    s0, s0, INTERVAL
    addi    s2, s2, -1
    bnez    s2, 1b
    li      a0, 0
    leave   s0, s1, s2

# sort_latencies(): the lowest first; a0: their sum.
sort_latencies:
    la      t0, requests
    li      t1, 1
    lw      a0, REQUEST_LATENCY(t0)
1:  addi    t0, t0, REQUEST_SIZE            # t0: the next to be put where it belongs
    lw      t2, REQUEST_LATENCY(t0)
    add     a0, a0, t2
    mv      t3, t0
    la      t5, requests
2:  beq     t3, t5, 3f
    lw      t4, REQUEST_LATENCY - REQUEST_SIZE(t3)
    bgeu    t2, t4, 3f
    sw      t4, REQUEST_LATENCY(t3)
    addi    t3, t3, -REQUEST_SIZE
    j       2b
3:  sw      t2, REQUEST_LATENCY(t3)
    addi    t1, t1, 1
    li      t6, REQUESTS
    bltu    t1, t6, 1b
    ret

# --- what all servers do with a request ------------------------------------------------------------------
# compute(): one of the two computations, a loop of 2 * 50 instructions for each tick.
compute:
    li      t0, 50 * HALF
1:  addi    t0, t0, -1
    bnez    t0, 1b
    ret

# finish(a0: request): the answer is ready.
finish:
    enter   s0
    mv      s0, a0
    call    time
    lw      t0, REQUEST_ARRIVAL(s0)
    sub     a0, a0, t0
    sw      a0, REQUEST_LATENCY(s0)
    leave   s0

# put(a0: queue, a1: request).  take(a0: queue): the first request, waiting for one if need be.
put:
    enter   s0, s1
    mv      s0, a0
    mv      s1, a1
    call    mutex_lock
    lw      t0, QUEUE_TAIL(s0)
    slli    t1, t0, 2
    add     t1, t1, s0
    sw      s1, QUEUE_ROOM(t1)
    addi    t0, t0, 1
    sw      t0, QUEUE_TAIL(s0)
    mv      a0, s0
    call    mutex_unlock
    addi    a0, s0, QUEUE_FILLED
    call    condition_signal
    leave   s0, s1
take:
    enter   s0, s1
    mv      s0, a0
    call    mutex_lock
1:  lw      t0, QUEUE_HEAD(s0)
    lw      t1, QUEUE_TAIL(s0)
    bne     t0, t1, 2f
    addi    a0, s0, QUEUE_FILLED
    mv      a1, s0
    call    condition_wait
    j       1b
2:  slli    t1, t0, 2
    add     t1, t1, s0
    lw      s1, QUEUE_ROOM(t1)
    addi    t0, t0, 1
    sw      t0, QUEUE_HEAD(s0)
    mv      a0, s0
    call    mutex_unlock
    mv      a0, s1
    leave   s0, s1

# --- the single-threaded server: one after the other -------------------------------------------------------
single:
    enter   s0, s1
    li      s0, REQUESTS
1:  la      a0, arrivals
    call    take
    call    serve
    addi    s0, s0, -1
    bnez    s0, 1b
    leave   s0, s1

# serve(a0: request): all of it, with a blocking call.
serve:
    enter   s0
    mv      s0, a0
    call    compute
    li      a0, TRANSFER
    call    sleep
    call    compute
    mv      a0, s0
    call    finish
    leave   s0

# --- the multithreaded server: a dispatcher and workers ---------------------------------------------------
dispatcher:
    enter   s0, s1
    la      s1, threads
    li      s0, WORKERS
1:  la      a0, worker
    call    thread_create
    sw      a0, (s1)
    addi    s1, s1, 4
    addi    s0, s0, -1
    bnez    s0, 1b
    li      s0, REQUESTS
2:  la      a0, arrivals
    call    take
    mv      a1, a0
    la      a0, work
    call    put
    addi    s0, s0, -1
    bnez    s0, 2b
    li      s0, WORKERS                     # no more: a 0 for each
3:  la      a0, work
    li      a1, 0
    call    put
    addi    s0, s0, -1
    bnez    s0, 3b
    la      s1, threads
    li      s0, WORKERS
4:  lw      a0, (s1)
    call    thread_join
    addi    s1, s1, 4
    addi    s0, s0, -1
    bnez    s0, 4b
    leave   s0, s1
worker:
    enter
1:  la      a0, work
    call    take
    beqz    a0, 2f
    call    serve
    j       1b
2:  leave

# --- the finite-state machine ------------------------------------------------------------------------------
# `events` counts requests that have arrived and transfers that have ended.  Both are served in their order: all
# transfers take the same time, so they end as they were started.  s0: requests begun, s1: requests continued
# after their transfer, s2: events that have been counted before this look.
machine:
    enter   s0, s1, s2
    li      s0, 0
    li      s1, 0
1:  fence   r, rw
    lw      s2, events
    fence   r, r                            # first the events, then the arrivals: what arrives in between
    lw      t0, arrivals + QUEUE_TAIL       # is an event that is still to come
    sub     t1, s2, t0                      # t1: transfers that have ended
    bgt     t1, s1, 2f
    bltu    s0, t0, 3f
    li      t0, REQUESTS
    beq     s1, t0, 4f
    la      a0, events                      # nothing to do until the next event
    mv      a1, s2
    call    futex_wait
    j       1b
2:  mv      a0, s1                          # a transfer has ended
    addi    s1, s1, 1
    call    step
    j       1b
3:  mv      a0, s0                          # a request has arrived
    addi    s0, s0, 1
    call    step
    j       1b
4:  leave   s0, s1, s2

# step(a0: number of a request): do what is next for it.
step:
    slli    a0, a0, 4                       # REQUEST_SIZE
    la      t0, requests
    add     a0, a0, t0
    lw      t0, REQUEST_NEXT(a0)
    jr      t0
first_half:
    enter   s0
    mv      s0, a0
    call    compute
    la      t0, second_half
    sw      t0, REQUEST_NEXT(s0)
    li      a0, TRANSFER
    la      a1, events
    call    disk
    leave   s0
second_half:
    enter   s0
    mv      s0, a0
    call    compute
    mv      a0, s0
    call    finish
    leave   s0

    .section .rodata
single_text:
    .asciz  "single  "
workers_text:
    .asciz  "workers "
machine_text:
    .asciz  "machine "

    .bss
    .balign 16
shared:
requests:
    .zero   REQUEST_SIZE * REQUESTS
arrivals:
    .zero   QUEUE_SIZE
work:
    .zero   QUEUE_SIZE
events:
    .zero   4
shared_end:
threads:
    .zero   4 * WORKERS
before:
    .zero   4 * STATS
after:
    .zero   4 * STATS
