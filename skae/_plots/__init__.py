"""Displays of what an estimator finds."""
