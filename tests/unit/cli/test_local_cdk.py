"""What local AWS takes of the CDK CLI without starting it."""

from pathlib import Path

from nami_control.cdk import program
from nami_local import cdk


def test_clis_own_bootstrap_template_lies_where_npm_installs_it() -> None:
    template = (Path(program("cdk")).resolve().parents[1] / cdk._TEMPLATE).read_text()
    parameters = template.partition("\nParameters:\n")[2].partition("\nConditions:\n")[0]
    assert all(f"  {name}:\n" in parameters for name in cdk._PARAMETERS)
