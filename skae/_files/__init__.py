"""Files that are complete or absent: atomic replacement and checksummed contents."""
