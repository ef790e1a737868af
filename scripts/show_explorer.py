"""Take a picture of an explorer with a selection, in chromium."""

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from kohorte._files import replacing
from kohorte.study.logs import job_log

if __name__ == "__main__":
    with job_log(snakemake.log[0]), sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1400, "height": 880})
        page.goto(f"{Path(snakemake.input.page).resolve().as_uri()}#{snakemake.params.shown}")
        page.evaluate("kohorte.ready")
        page.evaluate("(rows) => { kohorte.select(rows); kohorte.flush(); }", snakemake.params.rows)
        with replacing(snakemake.output.picture) as temporary:
            temporary.write_bytes(page.screenshot())
        browser.close()
