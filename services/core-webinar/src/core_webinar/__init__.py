"""The core-webinar service."""
