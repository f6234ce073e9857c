"""Records that events only named are read from the CRM's own API."""
