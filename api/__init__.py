"""The API for programs: JSON under /api/v1, one file per noun, all of them over the verbs of `broker/`."""
