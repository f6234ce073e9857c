"""The whole system on one machine, without Docker or an AWS account. Nothing in `src` knows of it."""
