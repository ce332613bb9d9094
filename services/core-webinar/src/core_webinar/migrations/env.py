"""Migrations of core-webinar."""

from core_webinar.tables import CoreWebinarTable
from servicekit.migrations import run_env

run_env(CoreWebinarTable.metadata)
