"""Private names of other packages: scikit-learn, and Keras with SciKeras and TensorFlow."""
