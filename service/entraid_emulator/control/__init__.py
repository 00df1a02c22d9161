"""The control interface: changing a running emulator from outside, over HTTP or from the command line."""

CONTROL_PREFIX = "/_emulator/v1"
