"""The board: QEMU's `virt` machine, its devices and the console behind them."""
