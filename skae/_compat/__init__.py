"""Every private or fragile name of Keras, SciKeras and scikit-learn that skae uses."""
