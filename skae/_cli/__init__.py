"""The modules of the command ``skae``."""
