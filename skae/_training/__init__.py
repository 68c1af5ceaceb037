"""One fit: plan, batches, loop, learning rate and SciKeras."""
