"""Dask collections, scored partition by partition."""
