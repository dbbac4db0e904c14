"""Gateway: the only route from a workcell to a model provider; it holds keys, meters and prices every call."""
