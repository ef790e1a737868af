"""`python -m kohorte` is the command `kohorte`."""

import sys

from kohorte.command.main import main

if __name__ == "__main__":
    sys.exit(main())
