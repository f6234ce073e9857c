"""The `bridge` command. Only its online verbs (`--stack`, `--local`) read environment and network."""
