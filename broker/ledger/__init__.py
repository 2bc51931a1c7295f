"""Double entry in integer cents; knows no rental."""
