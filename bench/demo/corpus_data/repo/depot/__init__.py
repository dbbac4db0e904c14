"""The rules of a small fulfilment depot."""
