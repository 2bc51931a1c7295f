"""Quote, order, approve; the state table of an order."""
