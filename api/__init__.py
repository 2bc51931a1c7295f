"""The REST API: one file per noun, on the verbs of `broker`."""
