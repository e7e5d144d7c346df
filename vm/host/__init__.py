"""What the host offers: signals and the terminal."""
