"""Host-side handling of run-loop exits: device accesses, traps for the host, idle time."""
