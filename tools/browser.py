"""A Chromium of this machine and a local server for a built site; for the browser tests and the screenshots.

Nothing is downloaded here. `python -m tools.browser` names the browser that would be used, and, where there is none,
installs Debian's if it may: as root on a system with apt-get.
"""

import contextlib
import functools
import gzip
import os
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SIZES = {"desktop": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}
MISSING = """\
No Chromium on this machine. The tests of the site need one of: {programs}.
  Debian, Ubuntu:  apt-get install chromium   (as root; `make site-test` does it where it may)
  Fedora:          dnf install chromium
  macOS:           brew install --cask chromium, and put it on the PATH"""
COMPRESSED = (".html", ".css", ".js", ".svg", ".json", ".ipynb", ".txt", ".xml")


def program():
    """Return the path of an installed Chromium, or None."""
    return next(filter(None, map(shutil.which, PROGRAMS)), None)


def install():
    """Return the path of a Chromium; install Debian's first where there is none and that is possible."""
    if not program() and shutil.which("apt-get") and os.geteuid() == 0:
        print("no Chromium found: installing Debian's", file=sys.stderr)
        subprocess.run(["apt-get", "update", "--quiet"], check=True, stdout=sys.stderr)
        subprocess.run(
            ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", "chromium"],
            check=True,
            stdout=sys.stderr,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
        )
    if not program():
        raise SystemExit(MISSING.format(programs=", ".join(PROGRAMS)))
    return program()


@contextlib.contextmanager
def launched():
    """Run the browser."""
    path = program()
    if not path:
        raise FileNotFoundError(MISSING.format(programs=", ".join(PROGRAMS)))
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        yield running
        running.close()


@functools.lru_cache(maxsize=512)
def _compressed(path, changed):
    return gzip.compress(Path(path).read_bytes(), 6)


class _Handler(SimpleHTTPRequestHandler):
    """Serves files as a site's host does: text compressed, connections kept."""

    protocol_version = "HTTP/1.1"
    extensions_map = SimpleHTTPRequestHandler.extensions_map | {".webp": "image/webp", ".woff": "font/woff"}

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        if not path.is_file() or path.suffix not in COMPRESSED or "gzip" not in self.headers["Accept-Encoding"]:
            super().do_GET()
            return
        body = _compressed(path, path.stat().st_mtime_ns)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(path))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the reader has left the page
            self.wfile.write(body)

    def log_message(self, *arguments):
        """Print nothing for each request."""


@contextlib.contextmanager
def served(site):
    """Serve a folder on a free local port; yield its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, directory=site))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


_LOAD_PICTURES = """() => Promise.all([...document.querySelectorAll("article img")].map((image) => {
    image.loading = "eager";
    return image.decode().catch(() => {});
}))"""


class Visit:
    """One page in a window of its own: what it asked for, what that weighed on its way, and what went wrong."""

    def __init__(self, browser, url, **context):
        self.url, self.troubles, self.requests, self.weights = url, [], [], {}
        self._awaited = set()
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.troubles.append(str(error)))
        self.page.on("console", lambda message: message.type == "error" and self.troubles.append(message.text))

    def __enter__(self):
        self._weigh()
        self.page.goto(self.url)
        self.page.evaluate("window.MathJax?.startup?.promise")
        return self

    def __exit__(self, *exception):
        self.context.close()

    def _weigh(self):
        session, urls = self.context.new_cdp_session(self.page), {}

        def arrived(event):
            url = urls.get(event["requestId"], "?")
            self.weights[url] = self.weights.get(url, 0) + event["encodedDataLength"]

        session.on(
            "Network.responseReceived", lambda event: urls.update({event["requestId"]: event["response"]["url"]})
        )
        session.on("Network.loadingFinished", arrived)
        session.on("Network.requestWillBeSent", lambda e: self._awaited.add(e["requestId"]))
        session.on("Network.loadingFinished", lambda e: self._awaited.discard(e["requestId"]))
        session.on("Network.loadingFailed", lambda e: self._awaited.discard(e["requestId"]))
        session.send("Network.enable")

    def read_on(self):
        """Load what waits until a reader comes near, the pictures, and wait until nothing more is asked for."""
        self.page.evaluate(_LOAD_PICTURES)
        self.page.wait_for_load_state("networkidle")
        while self._awaited:
            self.page.wait_for_timeout(50)

    def foreign(self, home):
        """Return the requests that left home."""
        return [url for url in self.requests if not url.startswith((home, "data:", "blob:"))]


if __name__ == "__main__":
    print(install())
