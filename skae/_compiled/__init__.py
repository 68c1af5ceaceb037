"""Compiled TensorFlow functions: training steps and forward passes that fits share."""
