"""Export to ONNX, and the proof that the export computes the same."""
