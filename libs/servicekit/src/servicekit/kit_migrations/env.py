from servicekit.migrations import run_env
from servicekit.tables import KitTable

run_env(KitTable.metadata)
