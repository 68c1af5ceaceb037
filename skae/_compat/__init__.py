"""Private names of Keras, SciKeras, scikit-learn and TensorFlow that skae uses."""
