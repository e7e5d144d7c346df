"""The machine: engine, board, hypervisor, process VM and command line."""
