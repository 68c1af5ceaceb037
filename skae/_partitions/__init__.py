"""Dask collections, partition by partition: their rows, and what they are called with."""
