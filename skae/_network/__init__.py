"""Keras layers, architectures and the loss over observed values."""
