"""What a machine did: the log of all that came from outside, checkpoints, and the way back."""
