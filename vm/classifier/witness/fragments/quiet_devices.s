    li      t0, CLINT
    sw      zero, (t0)
    li      t0, PLIC + 0x2000
    sw      zero, (t0)
    sw      zero, 0x80(t0)
    li      t0, UART
    sb      zero, 1(t0)
