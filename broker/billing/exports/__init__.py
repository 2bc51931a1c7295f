"""Files for accountants and authorities."""
