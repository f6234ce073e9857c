"""The verbs of `bridge`, a module each."""
