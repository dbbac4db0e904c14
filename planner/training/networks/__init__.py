"""Network architectures in torch."""
