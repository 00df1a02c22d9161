"""How many examples the random tests try: some on each run, many in `make fuzz`."""

import os


def examples(some: int) -> int:
    """That many, times `FUZZ_FACTOR` of the environment."""
    return some * int(os.environ.get("FUZZ_FACTOR", "1"))


def seconds(some: int) -> int:
    """A time limit that grows with the examples."""
    return some * int(os.environ.get("FUZZ_FACTOR", "1"))
