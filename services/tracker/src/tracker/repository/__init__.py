"""Every SQL statement of the tracker; speaks domain types, never commits."""
