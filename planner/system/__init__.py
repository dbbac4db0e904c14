"""Safe handling of untrusted files and text, atomic writes, timestamps and logging."""
