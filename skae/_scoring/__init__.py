"""From residuals to errors, scores, thresholds and events: numpy only."""
