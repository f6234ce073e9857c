"""The console: a page over a stack, on this machine, with its user's own rights in AWS."""
