"""The command `trapline demo`."""
