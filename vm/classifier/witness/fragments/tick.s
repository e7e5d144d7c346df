1:  csrr    t0, time                        # start right after a tick, so that none comes before the instruction
    csrr    t1, time
    beq     t0, t1, 1b
