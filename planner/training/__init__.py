"""Networks, training and export: the only home of torch and onnx."""
