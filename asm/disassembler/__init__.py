"""From machine words and files back to text."""
