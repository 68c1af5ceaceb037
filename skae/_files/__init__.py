"""Files that are whole or not there: atomic replacement, and checksummed contents."""
