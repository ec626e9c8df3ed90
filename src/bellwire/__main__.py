"""`python -m bellwire` is the `bellwire` command."""

import sys

from bellwire.cli import main


sys.exit(main())
