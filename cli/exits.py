"""Exit codes of `bridge`."""

FINE = 0
WRONG = 1  # something given is wrong (a mapping, an option, a sample, a failed test), is not there, or must be repaired
REJECTED = 2  # everything could be done, and something is rejected, refused or left behind
FAULT = 70  # a fault of the bridge itself (EX_SOFTWARE)
INTERRUPTED = 130  # or a question was answered with no
