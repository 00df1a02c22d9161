"""`python -m entraid_service` is the command `entraid`."""

from entraid_service.cli import main

main(prog_name="entraid")
