"""Pictures: displays that keep arrays and draw them; matplotlib is imported only then."""
