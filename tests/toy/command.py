"""The nami command, with one more destination in its tables."""

import toy_client  # noqa: F401 (enters it there)

from nami_cli.main import main

main()
