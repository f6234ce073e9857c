"""Exit codes of `bridge`."""

FINE = 0
WRONG = 1  # something given is wrong: a mapping, an option, a file, a failed test
REJECTED = 2  # everything could be read, and something was rejected
FAULT = 70  # a fault of the bridge itself (EX_SOFTWARE)
INTERRUPTED = 130
