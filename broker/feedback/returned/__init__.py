"""Reading returned messages: pure functions from bytes to what they say; nothing here knows a database."""
