"""The published contracts, written from the code."""
