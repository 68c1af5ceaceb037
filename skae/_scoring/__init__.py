"""From residuals to errors, scores, thresholds and events, with NumPy only."""
