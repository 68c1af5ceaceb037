"""Ragged sequences, the windows of a series, and the samples made of either: numpy only."""
