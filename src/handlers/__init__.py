"""Lambda entry points: one module per function."""

import gc

# What imports make stays, so looking through it again and again is in vain: 4 % of a cold start. What becomes garbage
# in circles lies longer instead, at most 10 MiB of it.
gc.set_threshold(100_000)
