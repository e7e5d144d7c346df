    li      t0, PLIC                        # let the UART request an interrupt: transmitter empty
    li      t1, 1
    sw      t1, 40(t0)
    li      t0, PLIC + 0x2000 + @CONTEXT@
    li      t1, 1 << 10
    sw      t1, (t0)
    li      t0, UART
    li      t1, 2
    sb      t1, 1(t0)
