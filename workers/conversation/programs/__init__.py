"""Conversations from what each program writes itself: its stream, its session files or its chat history."""
