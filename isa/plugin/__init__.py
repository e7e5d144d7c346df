"""Plugins: files of a user's own that declare instructions."""
