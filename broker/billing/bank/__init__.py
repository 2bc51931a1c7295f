"""Money through the bank: statements, transfers, payouts and what holds them."""
