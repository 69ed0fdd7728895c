"""Where the files lie that are put into assets or run by others, in a checkout and in an installed wheel."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
# The wheel carries these files inside the package; a checkout has them beside it.
_BASE = _PACKAGE if (_PACKAGE / "lambdas").is_dir() else _PACKAGE.parent

APP = _BASE / "app.py"
CDK_JSON = _BASE / "cdk.json"
LAMBDAS = _BASE / "lambdas"
RUNTIME = (LAMBDAS if _BASE != _PACKAGE else _PACKAGE.parent) / "nami_runtime"
EC2_USERDATA = _BASE / "ec2_userdata"
