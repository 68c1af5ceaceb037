"""Answers as tables, events and pipelines give them."""
