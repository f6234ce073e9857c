"""What an event of one CRM means: pure functions from bytes to outcomes."""
