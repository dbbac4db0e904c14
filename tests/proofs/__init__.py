"""Proofs by simulation and enumeration that the statistics hold what they claim."""
