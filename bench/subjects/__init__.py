"""One module per subject; `tables()` measures it."""
