"""The room-ui service."""
