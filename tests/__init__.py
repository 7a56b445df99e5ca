"""What we promise, tested on real databases."""
