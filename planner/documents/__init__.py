"""The JSON documents that other systems read and write."""
