"""Mutation operators, one module for each family."""
