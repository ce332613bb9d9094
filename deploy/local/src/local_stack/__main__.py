"""`python -m local_stack`."""

import sys

from local_stack.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
