"""The loop again and again: `python -m soak` (with this folder's parent on the path)."""
