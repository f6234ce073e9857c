"""How hard Hypothesis tries: HYPOTHESIS_PROFILE=slow for a campaign of minutes."""

import os

from hypothesis import HealthCheck, settings

# The machine may be busy, and an engine is not proven by its speed: no deadline.
settings.register_profile("quick", max_examples=150, deadline=None, derandomize=True, database=None)
settings.register_profile("slow", max_examples=2_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("slow" if os.environ.get("HYPOTHESIS_PROFILE") == "slow" else "quick")
