import re
import shutil
import subprocess

import made_up as fake
import pytest

from espalier.report import report

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the path"),
]


def chromium(folder, *arguments):
    quiet = (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--disable-component-update",
        "--disable-sync",
    )
    profile = f"--user-data-dir={folder / 'profile'}"
    return subprocess.run(
        [CHROMIUM, *quiet, profile, "--virtual-time-budget=30000", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        timeout=120,
        check=True,
    )


def requests(net):
    """Return what was asked of the network, without the browser's own errands."""
    urls = set(re.findall(r'"url":"(https?://[^"]+)"', net))
    return {
        u for u in urls if not re.match(r"https?://[\w.-]+\.(google|googleapis|gvt1)\.com[/:]", u)
    }


def opened(path, folder, width=1400):
    log = folder / "net.json"
    out = chromium(
        folder,
        f"--window-size={width},900",
        f"--log-net-log={log}",
        "--enable-logging=stderr",
        "--dump-dom",
        path.as_uri(),
    )
    return out.stdout, out.stderr, log.read_text(encoding="utf-8", errors="replace")


@pytest.mark.parametrize("models", [1, 3])
def test_every_chart_is_drawn_without_an_error_or_a_request(tmp_path, models):
    path = tmp_path / "report.html"
    report(fake.table(models), fake.findings(models), path, study=fake.facts())
    dom, console, net = opened(path, tmp_path)
    body = re.search(r"<body[^>]*>", dom)[0]
    places = len(re.findall(r'data-chart="\d+"', dom))
    assert 'data-errors=""' in body, body
    assert 'data-done="yes"' in body
    assert f'data-charts="{places}"' in body
    assert places > 20
    assert "CONSOLE" not in console
    assert "alert" not in console
    assert requests(net) == set()


def test_a_page_that_asks_the_network_would_be_noticed(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<img src="https://example.invalid/x.png">')
    _, _, net = opened(page, tmp_path)
    assert requests(net) == {"https://example.invalid/x.png"}


def test_nothing_is_wider_than_a_phone(tmp_path):
    path = tmp_path / "report.html"
    report(fake.table(), fake.findings(), path, study=fake.facts())
    frame = tmp_path / "phone.html"
    frame.write_text(
        '<iframe id="f" src="report.html" style="width:390px;height:900px;border:0"></iframe>'
        "<script>setTimeout(() => { const d = document.getElementById('f').contentDocument;"
        "document.title = d.documentElement.scrollWidth + ' ' + d.body.dataset.charts; }, 20000)"
        "</script>"
    )
    out = chromium(tmp_path, "--allow-file-access-from-files", "--dump-dom", frame.as_uri())
    width, drawn = re.search(r"<title>(\d+) (\d+)</title>", out.stdout).groups()
    assert int(width) <= 390
    assert int(drawn) > 20
