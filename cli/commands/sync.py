"""`bridge sync`: the records that a CRM has, page by page, through the inbox queue."""
