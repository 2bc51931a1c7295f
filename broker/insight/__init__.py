"""What a base knows about its customers."""
