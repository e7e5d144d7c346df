"""What each directive does; every file ends with its table of handlers."""
