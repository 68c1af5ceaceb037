"""From residuals to errors, scores, thresholds and events, without Keras."""
