"""Money through the payment gateway: taken, given back, paid on, and held against its balance."""
