from post_webinar.tables import PostWebinarTable
from servicekit.migrations import run_env

run_env(PostWebinarTable.metadata)
