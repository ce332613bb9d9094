"""`webinarctl account add` for many people in one process: starting Python anew for each costs more than the work.

`python -m local_stack.add_accounts` reads a JSON list of argument lists; needs SERVICE_DATABASE_URL of room-ui.
"""

import json
import sys
from importlib.metadata import entry_points

import typer.main


def main() -> int:
    """Add every account in turn; stop at the first that is refused, with its exit code."""
    [account] = entry_points(group="webinarctl.commands", name="account")
    command = typer.main.get_command(account.load())
    for words in json.load(sys.stdin):
        code = command.main(args=["add", *words], prog_name="webinarctl account", standalone_mode=False)
        if code:
            return int(code)
    return 0


if __name__ == "__main__":
    sys.exit(main())
