"""Every SQL statement of post-webinar; speaks domain types, never commits.

Locks are taken in one order: leads (`locks.lock_leads`), then webinars (`locks.lock_followups`), then rows sorted by
key. So two of them never wait for each other, and of two facts that make a message due together the later one sees
the earlier.
"""
