"""Ablation studies: training with one setting changed at a time."""
