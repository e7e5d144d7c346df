"""Puts witnesses into words and into programs that demonstrate them."""
