"""The host's side of the hypervisor: its records, tables and counters in plain Python."""
