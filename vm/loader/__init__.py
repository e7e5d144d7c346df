"""From program files to memory images."""
