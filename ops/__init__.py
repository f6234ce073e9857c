"""What the `bridge` command and the local page share: stacks, samples, dry runs, traces, the rejected queue."""
