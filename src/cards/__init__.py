"""Cards: the newest known state of contacts, leads and organizations."""
