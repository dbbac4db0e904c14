"""What comes in: issues and slices of them."""
