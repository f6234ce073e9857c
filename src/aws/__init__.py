"""AWS: the only importer of botocore. Its errors end here as `Unavailable`."""
