"""The parts of ``skae detect``."""
