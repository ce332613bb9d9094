"""What the overlays render to, and what it is held to; for the tests beside this package."""
