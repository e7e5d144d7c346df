"""Classifies instructions as Popek and Goldberg do, and decides which of their theorems hold."""
