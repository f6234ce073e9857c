"""Measurements that anyone can repeat: `make bench`. Every figure stands beside a baseline of the same run."""
