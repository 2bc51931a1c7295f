"""Own mailings: what an owner writes to its own people, once or on each day's events."""
