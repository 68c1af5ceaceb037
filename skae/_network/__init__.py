"""Keras: layers, architectures and the loss over what was observed."""
