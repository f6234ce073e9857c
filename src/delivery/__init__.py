"""Making Ringostat's copy equal to the cards."""
