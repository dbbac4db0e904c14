"""Ablation studies: training with one thing changed at a time."""
