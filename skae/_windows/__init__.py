"""From rows to windows, and the kinds of samples."""
