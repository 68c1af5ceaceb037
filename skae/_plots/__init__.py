"""Displays of an estimator's results."""
