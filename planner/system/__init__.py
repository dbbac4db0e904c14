"""Files, text and log lines that others made: opened and shown safely."""
