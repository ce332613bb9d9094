"""The post-webinar service."""
