"""Experiments with whole machines: techniques compared, sensitive instructions tested, several guests at once."""
