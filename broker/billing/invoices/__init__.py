"""Documents: invoices, self-bills, credit notes, and whom they are from and for."""
