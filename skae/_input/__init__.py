"""What a user hands over, read and checked once."""
