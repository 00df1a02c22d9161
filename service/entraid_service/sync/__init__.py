"""Bringing the copy of one tenant up to date.

Ports only: what is read comes through `DirectorySource`, what is kept goes through the store.
"""
