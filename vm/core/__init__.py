"""What is compiled: the run loop and everything it calls on a bare machine. See docs/engine.md."""
