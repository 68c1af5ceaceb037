"""What TensorFlow compiles: training steps and forward passes, kept and reused between fits."""
