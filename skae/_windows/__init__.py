"""Rows to windows, and what a sample is."""
