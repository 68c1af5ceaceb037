"""New rows of series, scored as they come."""
