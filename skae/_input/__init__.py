"""User input, read and checked once."""
