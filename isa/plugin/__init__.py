"""Plugins: a user's own files that declare instructions."""
