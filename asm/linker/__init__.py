"""From assembled sources to addresses and bytes."""
