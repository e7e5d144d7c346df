"""Machines in files: saved states that go on later, on this computer or another.

`container` frames and checks a file's bytes, `saved_state` says what is in it, `writing` and `reading` turn a machine
into a file and back, and the `*_checks` refuse what compiled code must not find: it trusts its arrays.
"""
