"""What a bench came to, read back from the truth."""
