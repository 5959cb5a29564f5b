import re
import shutil
import subprocess

import made_up as fake
import pytest

from espalier.report import eval_page, report
from espalier.report.overlays import PAPERS

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


def everything(path, models=1, lang="en"):
    report(
        fake.table(models),
        fake.findings(models),
        path,
        study=fake.facts(),
        recommendation=fake.recommendation(),
        overlays=PAPERS,
        lang=lang,
    )


def quiet(path, folder, least):
    """Open the page, and check that all is drawn, nothing is wrong and nobody is asked."""
    dom, console, net = opened(path, folder)
    body = re.search(r"<body[^>]*>", dom)[0]
    places = len(re.findall(r'data-chart="\d+"', dom))
    assert 'data-errors=""' in body, body
    assert 'data-done="yes"' in body
    assert f'data-charts="{places}"' in body
    assert places >= least
    assert "CONSOLE" not in console
    assert "alert" not in console
    assert requests(net) == set()
    return dom


@pytest.mark.parametrize(("models", "lang"), [(1, "en"), (3, "zh")])
def test_every_chart_is_drawn_without_an_error_or_a_request(tmp_path, models, lang):
    path = tmp_path / "report.html"
    everything(path, models, lang)
    dom = quiet(path, tmp_path, 40)
    for name in ("recommendation", "overlay-dong2023", "overlay-song2023", "replies"):
        assert f'<section id="{name}"' in dom


def test_an_evaluation_is_drawn_too(tmp_path):
    path = tmp_path / "eval.html"
    rows = [
        {"ability": "exam", "metric": "accuracy", "score": 0.4, "n": 100, "chance": 0.25},
        {"ability": "book", "metric": "nll", "score": 1.8, "stderr": 0.1, "n": 9},
    ]
    rows.append({"ability": "song", "metric": "judge", "score": 7.5})
    eval_page(rows, fake.facts().replies, path, model=fake.HOSTILE.replace("\0", ""))
    quiet(path, tmp_path, 3)


def framed(folder, page, script, *, width=390):
    """Open a page in a frame, run a script of ours on its document `d`, and return the title."""
    frame = folder / "frame.html"
    frame.write_text(
        f'<iframe id="f" src="{page}" style="width:{width}px;height:900px;border:0"></iframe>'
        "<script>setTimeout(() => { const d = document.getElementById('f').contentDocument;"
        f"{script} }}, 20000)</script>"
    )
    out = chromium(folder, "--allow-file-access-from-files", "--dump-dom", frame.as_uri())
    return re.search(r"<title>(.*)</title>", out.stdout)[1]


def test_a_page_that_asks_the_network_would_be_noticed(tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<img src="https://example.invalid/x.png">')
    _, _, net = opened(page, tmp_path)
    assert requests(net) == {"https://example.invalid/x.png"}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_nothing_is_wider_than_a_phone(tmp_path, lang):
    everything(tmp_path / "report.html", lang=lang)
    told = framed(
        tmp_path,
        "report.html",
        "document.title = d.documentElement.scrollWidth + ' ' + d.body.dataset.charts;",
    )
    width, drawn = map(int, told.split())
    assert width <= 390
    assert drawn > 40


def test_replies_are_folded_and_sifted_by_what_they_are(tmp_path):
    everything(tmp_path / "report.html")
    told = framed(
        tmp_path,
        "report.html",
        "const shown = () => [...d.querySelectorAll('.reply')].filter((r) => !r.hidden).length;"
        "const open = () => d.querySelectorAll('details.replies[open]').length;"
        "const press = (what) => d.querySelector('.filter [data-only=' + what + ']').click();"
        "const said = [shown(), open()]; press('wrong'); said.push(shown(), open());"
        "d.querySelector('.filter[data-by=ability] [data-only=\"2\"]').click();"
        "said.push(shown()); press('\"\"'); said.push(shown());"
        "document.title = said.join(' ');",
    )
    assert told == "6 0 3 3 1 1"


def test_no_table_is_wider_than_a_sheet_of_paper(tmp_path):
    everything(tmp_path / "report.html", models=3)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert html.count("@media print") == 1
    printed = html.replace("@media print", "@media all")
    (tmp_path / "print.html").write_text(printed, encoding="utf-8")
    told = framed(
        tmp_path,
        "print.html",
        "const all = [...d.querySelectorAll('.scroll > table')].filter((one) => one.offsetWidth);"
        "const wide = all.filter((one) => one.offsetWidth > one.parentElement.clientWidth + 1);"
        "document.title = all.length + ' ' + wide.length;",
        width=700,
    )
    tables, wide = map(int, told.split())
    assert tables > 1
    assert wide == 0
