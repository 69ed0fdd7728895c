"""The site of the docs: every page is there, every link leads somewhere, nothing is loaded from elsewhere."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nami_control.providers import FACTS
from website import pages, versions

ROOT = Path(__file__).parents[2]
ZENSICAL = Path(sys.executable).with_name("zensical")


def build(project: Path) -> subprocess.CompletedProcess[str]:
    command = [ZENSICAL, "build", "--strict", "--config-file", project / "zensical.toml"]
    return subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site's project with its pages, built."""
    folder = tmp_path_factory.mktemp("website")
    settings = (ROOT / "website" / "zensical.toml").read_text()
    (folder / "zensical.toml").write_text(settings.replace('["..", "../lambdas"]', f'["{ROOT}", "{ROOT}/lambdas"]'))
    pages.write(folder / "pages")
    result = build(folder)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def test_start_page_is_the_readmes(project: Path) -> None:
    page = (project / "html" / "index.html").read_text()
    assert "takes any burst, loses nothing" in page
    pictures = re.findall(r'src(?:set)?="(pictures/[^"]+)"', page)
    assert len(pictures) == 2
    assert all((project / "html" / each).is_file() for each in pictures)


def test_every_provider_has_a_page_that_names_its_secret(project: Path) -> None:
    for name in pages.provider_names():
        page = (project / "pages" / "providers" / f"{name}.md").read_text()
        assert FACTS[name].secret in page
        assert f"nami deploy {name} --signature {name}" in page
        assert (project / "html" / "providers" / name / "index.html").is_file()


def test_providers_page_tells_the_steps_in_its_console() -> None:
    assert f"Where it is entered: {FACTS['livekit'].console}." in pages.provider_page("livekit")


def test_every_provider_has_its_steps_or_the_page_that_tells_them() -> None:
    assert [name for name in pages.provider_names() if not FACTS[name].console] == []


def test_providers_page_leads_to_the_document_where_the_steps_are_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    page = "https://example.com/docs/webhooks"
    monkeypatch.setitem(FACTS, "livekit", FACTS["livekit"]._replace(console=page))
    assert f"<{page}>" in pages.provider_page("livekit")


@pytest.mark.parametrize(
    ("provider", "cause", "told"),
    [
        ("twilio", "`--public-url`", True),
        ("messagebird", "`--public-url`", True),
        ("github", "`--public-url`", False),
        ("stripe", "more than 300 s off", True),
        ("github", " s off", False),
        ("github", "it comes unsigned", True),
        ("stripe", "it comes unsigned", False),
        ("messagebird", "wrote again", True),
        ("documenso", "wrote again", False),
    ],
)
def test_providers_page_says_what_goes_wrong_with_its_kind_of_signature(provider: str, cause: str, told: bool) -> None:
    assert (cause in pages.provider_page(provider).partition("gets 401")[2]) is told


def test_providers_page_says_that_a_request_without_an_id_counts_by_itself() -> None:
    assert "| Delivery's id | none: each request is a delivery of its own |" in pages.provider_page("ably")


def test_a_providers_page_is_found_by_search(project: Path) -> None:
    found = json.loads((project / "html" / "search.json").read_text())
    assert any("Shopify webhooks" in str(item.get("title")) for item in found["items"])


def test_reference_tells_the_construct_and_its_arguments(project: Path) -> None:
    page = (project / "html" / "reference" / "nami_stack" / "index.html").read_text()
    assert "Takes in the webhooks of one subscription" in page
    assert "maximum_concurrency" in page


def test_pages_load_nothing_from_elsewhere(project: Path) -> None:
    for page in (project / "html").rglob("*.html"):
        text = page.read_text()
        assert not re.search(r'<(script|img|link rel="stylesheet")[^>]+(src|href)="https?://', text), page


def test_llms_txt_leads_to_every_page(project: Path) -> None:
    text = (project / "pages" / "llms.txt").read_text()
    linked = {project / "pages" / path for path in re.findall(r"\]\(([^)]+)\)", text)}
    there = set((project / "pages").glob("*.md")) | set((project / "pages" / "providers").glob("*.md"))
    assert linked == there


@pytest.mark.parametrize("link", ["[x](nowhere.md)", "[x](aws.md#no-such-heading)"], ids=["page", "anchor"])
def test_link_that_leads_nowhere_stops_the_build(project: Path, tmp_path: Path, link: str) -> None:
    (tmp_path / "pages").mkdir()
    shutil.copy(project / "pages" / "aws.md", tmp_path / "pages" / "aws.md")
    (tmp_path / "pages" / "index.md").write_text(f"# Start\n\n{link}\n")
    (tmp_path / "zensical.toml").write_text('[project]\nsite_name = "x"\ndocs_dir = "pages"\nsite_dir = "html"\n')
    assert build(tmp_path).returncode != 0


def test_new_version_becomes_the_latest_beside_the_others(tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    for version in ("0.1", "0.2", "0.2"):
        (site / "index.html").write_text(version)
        versions.add(site, tmp_path / "all", version)
    listed = json.loads((tmp_path / "all" / "versions.json").read_text())
    assert [(each["version"], each["aliases"]) for each in listed] == [("0.2", ["latest"]), ("0.1", [])]
    assert (tmp_path / "all" / "latest" / "index.html").read_text() == "0.2"
    assert (tmp_path / "all" / "0.1" / "index.html").read_text() == "0.1"
