"""The pages, in French and English: one file per noun, on the verbs of `broker`."""
