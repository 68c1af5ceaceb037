"""Estimators as files."""
