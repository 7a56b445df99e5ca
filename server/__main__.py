"""`python -m server` is `reflector`."""

import sys

from server.cli import main

sys.exit(main())
