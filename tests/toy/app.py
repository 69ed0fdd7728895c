"""nami's own app, with one more destination in its table."""

import runpy

import toy_stack  # noqa: F401 (enters it there)

from nami_stack.assets import APP

runpy.run_path(str(APP), run_name="__main__")
