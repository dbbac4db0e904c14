"""The page: reads the report schema as a reader, and shows it in a browser."""
