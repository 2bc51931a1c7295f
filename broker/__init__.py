"""The domain of Courtier: list rental and affiliate brokerage."""
