"""What `trapline bench` measures."""
