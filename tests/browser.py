"""A real browser for the tests of pages: chromium, driven by Playwright."""

import contextlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

AXE = Path(__file__).parents[1] / ".axe"
AXE_PACKAGE = "axe-core@4.14.1"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_chromium():
    """Path of chromium, or why there is none; it is installed only where that was asked for."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found or not os.environ.get("KOHORTE_INSTALL_CHROMIUM"):
        return found, "" if found else f"not installed: {NAMES[0]}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return None, "only root can install chromium, by apt-get"
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", "chromium"]
    # The list of packages may be missing or old.
    for command in (install, ["apt-get", "update", "-qq"], install):
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(command, env=environment, capture_output=True, timeout=240)
        if found := shutil.which("chromium"):
            return found, ""
    return None, "apt-get cannot install chromium"


def find_axe():
    """The script of axe-core, which npm installs where that was asked for; else a skip."""
    script = AXE / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists() and os.environ.get("KOHORTE_INSTALL_CHROMIUM") and shutil.which("npm"):
        install = ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(AXE), AXE_PACKAGE]
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(install, capture_output=True, timeout=240)
    if not script.exists():
        pytest.skip(f"NO TEST OF ACCESSIBILITY: npm install --prefix {AXE.name} {AXE_PACKAGE}")
    return script


@contextlib.contextmanager
def launch(*arguments):
    """Chromium, without a GPU and with these arguments; the test is skipped where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    path, reason = find_chromium()
    if path is None:
        pytest.skip(f"NO TEST IN A BROWSER: {reason}")
    with playwright.sync_playwright() as driver:
        options = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", *arguments]
        browser = driver.chromium.launch(executable_path=path, args=options)
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def opened(browser, path, *, width=1280, height=800, fragment=""):
    """A page of a file without any network, which must neither complain nor ask for anything."""
    context = browser.new_context(
        viewport={"width": width, "height": height},
        offline=True,
        accept_downloads=True,
        bypass_csp=True,
    )
    page, said, asked = context.new_page(), [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: dialog.accept())
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri() + fragment)
    yield page
    context.close()
    assert said == [], said
    assert {url for url in asked if not url.startswith("blob:")} == {path.as_uri()}, asked


def serious_faults(page):
    """What axe finds in a page that keeps people out: rule, and the first element."""
    page.evaluate(find_axe().read_text(encoding="utf-8"))
    found = page.evaluate("axe.run()")["violations"]
    return [
        (fault["id"], fault["nodes"][0]["html"])
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
