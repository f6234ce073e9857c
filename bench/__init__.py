"""Measurements that anyone can repeat: `make bench`. Every figure is compared with a baseline of the same run."""
