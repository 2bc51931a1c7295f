"""The pages: French and English, one file per noun, all of them over the verbs of `broker/`."""
