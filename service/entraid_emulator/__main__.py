"""`python -m entraid_emulator`: the same as `entraid emulator`."""

from entraid_emulator.cli import emulator

emulator(prog_name="entraid_emulator")
