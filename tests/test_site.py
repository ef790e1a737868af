"""The site of the documentation: built strictly, complete, and without a network."""

import ast
import os
import re
import shutil
import subprocess
import sys
import zlib

import pytest


def build(root, target):
    """Build the site as `make site` does."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", target]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1", "SOURCE_DATE_EPOCH": "0"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture(scope="module")
def site(root, tmp_path_factory):
    return build(root, tmp_path_factory.mktemp("site") / "built")


def test_nothing_is_fetched(site):
    """Links may lead elsewhere; what a page loads by itself may not."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    loads = r"<(?:script|link|img|iframe|source|video|audio|embed|object)\b[^>]*(?://[\w.]+)[^>]*>"
    for page in pages:
        assert re.findall(loads, page.read_text(encoding="utf-8")) == [], page.name
    for style in site.rglob("*.css"):
        assert re.findall(r"url\(.?(?:https?:)?//", style.read_text(encoding="utf-8")) == []


def test_pages_link_to_files(site):
    """As a page is opened from a folder, a link to a folder shows a list of files."""
    for page in site.rglob("*.html"):
        links = re.findall(r'href="([^"#:]+)["#]', page.read_text(encoding="utf-8"))
        if page.name != "404.html":
            assert [link for link in links if link.endswith("/") or link == "."] == [], page.name
            assert [link for link in links if not (page.parent / link).exists()] == [], page.name


def test_everything_public_is_described(site, root):
    content = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    described = {line.split(" ")[0] for line in zlib.decompress(content).decode().splitlines()}
    package = root / "src" / "kohorte"
    missing = []
    for path in sorted(package.rglob("*.py")):
        parts = ["kohorte", *path.relative_to(package).with_suffix("").parts]
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        if any(part.startswith("_") for part in parts):
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name[0] != "_":
                name = ".".join([*parts, node.name])
                missing += [name] if name not in described else []
    assert missing == []
    assert len(described) > 500


def test_every_page_is_in_the_navigation(root):
    named = set(re.findall(r"[\w/-]+\.md", (root / "mkdocs.yml").read_text(encoding="utf-8")))
    pages = {str(p.relative_to(root / "docs")) for p in (root / "docs").rglob("*.md")}
    assert pages == named


def test_pages_that_code_names_exist(root):
    named = set()
    for folder in ("src", "scripts", "workflow", "tests", "config"):
        for path in (root / folder).rglob("*"):
            if path.suffix in {".py", ".yaml", ".smk", ".rst", ".md"}:
                named |= set(re.findall(r"docs/[\w/-]+\.md", path.read_text(encoding="utf-8")))
    assert len(named) > 10
    assert [name for name in sorted(named) if not (root / name).exists()] == []


@pytest.mark.skipif(not shutil.which("chromium"), reason="no chromium to open pages with")
def test_a_page_that_is_opened_as_a_file_can_be_searched(site):
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=options)
        page = browser.new_context(offline=True, viewport={"width": 1200, "height": 800}).new_page()
        faults = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("requestfailed", lambda request: faults.append(request.url))
        page.goto((site / "index.html").as_uri())
        page.click("input.md-search__input")
        page.keyboard.type("BMU", delay=50)
        found = page.locator(".md-search-result__link")
        found.first.wait_for(timeout=30_000)
        links = [link.get_attribute("href") for link in found.all()]
        browser.close()
    assert any("glossary" in link for link in links)
    assert faults == []
