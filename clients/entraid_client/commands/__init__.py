"""The commands of `entraidctl`, one room per group of them."""
