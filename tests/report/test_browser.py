"""The page in a real browser, if one is installed: nothing overflows, nothing is fetched."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ablate.analysis.findings import Analysis
from ablate.study.study import Study

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND",
]
MEASURE = """<script>
const root = document.documentElement;
const small = [...document.querySelectorAll('main *')].filter(
  e => e.getClientRects().length && parseFloat(getComputedStyle(e).fontSize) < 9);
const cut = [...document.querySelectorAll('pre')].filter(e => e.scrollWidth > e.clientWidth);
document.title = JSON.stringify({
  cut: cut.length, overflow: root.scrollWidth - root.clientWidth, small: small.length,
  alerted: !!window.alerted});
</script>"""

pytestmark = pytest.mark.skipif(not BROWSER, reason="needs Chromium")
Report = Callable[[Study], tuple[Path, Analysis]]


def browse(page: Path, folder: Path, width: int) -> tuple[str, Path]:
    """The page as the browser built it, and the log of its network activity."""
    log = folder / "net.json"
    ran = subprocess.run(
        [BROWSER, *FLAGS, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},900",
         f"--log-net-log={log}", "--dump-dom", page.as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    return ran.stdout, log


@pytest.mark.parametrize("width", [1200, 500])
@pytest.mark.parametrize("name", ["xyz", "chapter", "hostile"])
def test_nothing_is_wider_than_the_window(
    report: Report, name: str, width: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    text = (report(request.getfixturevalue(name))[0] / "index.html").read_text(encoding="utf-8")
    # The measurement is a script, which the page's own policy would block.
    text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
    text = text.replace(
        "<head>", "<head><script>window.alert = () => window.alerted = true</script>"
    )
    measured = tmp_path / "measured.html"
    measured.write_text(text.replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    built, _ = browse(measured, tmp_path, width)
    title = re.search(r"<title>(.*?)</title>", built)
    assert title is not None
    assert json.loads(html.unescape(title[1])) == {
        "cut": 0,
        "overflow": 0,
        "small": 0,
        "alerted": False,
    }


def fetched(log: Path) -> list[str]:
    """The addresses fetched for the page, without those that the browser fetches for itself."""
    events = json.loads(log.read_text(encoding="utf-8"))["events"]
    parameters = [event.get("params", {}) for event in events]
    return [
        params["url"]
        for params in parameters
        if str(params.get("network_isolation_key", "")).startswith("file:") and "url" in params
    ]


@pytest.mark.parametrize("stranger", ["", '<img src="http://example.invalid/a.png" alt="">'])
def test_the_page_fetches_nothing_and_lets_nothing_be_fetched(
    report: Report, xyz: Study, tmp_path: Path, stranger: str
) -> None:
    text = (report(xyz)[0] / "index.html").read_text(encoding="utf-8")
    page = tmp_path / "page.html"
    page.write_text(text.replace("</body>", f"{stranger}</body>"), encoding="utf-8")
    built, log = browse(page, tmp_path, 1200)
    assert "The answer" in built
    assert fetched(log) == []


def test_a_page_that_does_fetch_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text('<!DOCTYPE html><title>x</title><img src="http://example.invalid/a.png">')
    assert fetched(browse(page, tmp_path, 1200)[1]) == ["http://example.invalid/a.png"]
