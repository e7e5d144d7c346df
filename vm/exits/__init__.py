"""The host's side of the run loop's exits: devices, traps for the host, idle time."""
