"""The code of docs/python.md, as it stands there, against local AWS."""

import re
import subprocess
import sys

from tests.local.conftest import ROOT, Nami, Pipeline


def test_page_runs_as_it_stands(nami: Nami, shopify: Pipeline) -> None:
    code = "".join(re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL))
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=nami.home,
        env={**nami.environment, **nami.status()["environment"]},
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    said = run.stdout
    assert "200 1001\n" in said
    assert re.search(r"^pre-queue answered 200 .*\npost-queue stored$", said, re.MULTILINE)
    assert "\nmongo 0 0\n" in said
    assert "\n0 sent back\n" in said
    assert "\nmongo 0 None\n" in said
    assert "\n1 go again\n1 went again\n" in said
    assert re.search(r"^ok +stack +CREATE_COMPLETE$", said, re.MULTILINE)
    assert "\nok webhook is stored\n" in said
    assert "failed" not in said
