"""What only developers run: generators of schemas and contracts, builds, pins."""
