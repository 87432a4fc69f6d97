"""The chat page: `app` reads top to bottom, `components` draws, `session` remembers."""
