"""The demo: a user like any other.

It starts the emulator and the service as commands and calls them as `entraidctl` does.
"""
