"""The pauses before something is asked of AWS again."""

import random
import time

# The longest after each attempt, none after the last one. "We strongly recommend that you use an exponential backoff":
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html#Programming.Errors.BatchOperations
LONGEST_SECONDS = (0.05, 0.1, 0.2, 0.4, 0)


def pause(longest: float) -> None:
    """Wait for a random time, so that those who were refused together do not come again together."""
    time.sleep(random.uniform(0, longest))  # noqa: S311  # nosec B311
