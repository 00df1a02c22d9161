"""What a decision reads: users and groups of one connection at one revision. Decides nothing, writes nothing."""
