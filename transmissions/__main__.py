"""Run the command line: `python -m transmissions` is `trans`."""

import sys

from transmissions.cli import main

if __name__ == "__main__":
    sys.exit(main())
