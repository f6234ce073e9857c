"""Measurements that anyone can repeat: `make bench`. Every figure is compared with a baseline of the same run."""

import local.environment  # noqa: F401 - sets the environment and the path of the functions before they are imported
