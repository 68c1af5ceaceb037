"""Results as tables, events and results of pipelines."""
