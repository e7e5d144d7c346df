"""Programs that show what the classifier has found."""
