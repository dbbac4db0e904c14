"""Export to ONNX, and the check that the export is equivalent."""
