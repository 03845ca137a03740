"""Do what Binder does, without Docker: `python -m tools.binder`.

In a fresh clone of the last commit: make an environment from binder/requirements.txt, run binder/postBuild, start a
Jupyter server on 127.0.0.1, and run every notebook through it, over the same REST calls and websocket that a browser
uses. A failed cell fails the run.
"""

import asyncio
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import uuid
import venv
from contextlib import contextmanager
from pathlib import Path

import nbformat
from tornado.httpclient import AsyncHTTPClient, HTTPError, HTTPRequest
from tornado.websocket import websocket_connect
from tqdm import tqdm

from tools.notebooks import BOOK, sources

FAULT = "fault.ipynb"


def environment(clone, folder):
    """Make the environment as repo2docker does, and return its folder of programs."""
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    pip = [programs / "python", "-m", "pip", "install", "--quiet"]
    subprocess.run([*pip, "--upgrade", "pip"], check=True)
    # Binder's own image brings the Jupyter server; the book's requirements need not.
    subprocess.run([*pip, "-r", "binder/requirements.txt", "jupyter-server"], cwd=clone, check=True)
    subprocess.run([clone / "binder/postBuild"], cwd=clone, env=_path_first(programs), check=True)
    return programs


def _path_first(programs):
    return {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


@contextmanager
def server(clone, programs):
    """Run a Jupyter server on a free local port; give its address and token."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    options = [
        f"--ServerApp.port={port}",
        "--ServerApp.ip=127.0.0.1",
        "--no-browser",
        "--allow-root",
        "--log-level=ERROR",
    ]
    settings = {**_path_first(programs), "JUPYTER_TOKEN": token}
    process = subprocess.Popen([programs / "jupyter", "server", *options], cwd=clone, env=settings)
    try:
        yield f"127.0.0.1:{port}", token
    finally:
        process.terminate()
        process.wait()


async def _call(address, token, path, body=None):
    request = HTTPRequest(
        f"http://{address}/api/{path}",
        method="POST" if body else "GET",
        headers={"Authorization": f"token {token}"},
        body=json.dumps(body) if body else None,
        request_timeout=60,
    )
    return json.loads((await AsyncHTTPClient().fetch(request)).body)


async def _until_up(address, token, seconds=60):
    for _ in range(seconds * 5):
        try:
            return await _call(address, token, "status")
        except (OSError, HTTPError):
            await asyncio.sleep(0.2)
    raise SystemExit(f"the Jupyter server did not answer within {seconds} s")


def _execute_request(code):
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "username": "",
        "session": "",
        "version": "5.3",
    }
    content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}
    return {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}


async def run_notebook(address, token, path):
    """Run a notebook's cells in a new session; return what failed, a line a cell."""
    kind = {"kernel": {"name": "python3"}, "name": path, "path": path, "type": "notebook"}
    session = await _call(address, token, "sessions", kind)
    url = f"ws://{address}/api/kernels/{session['kernel']['id']}/channels?token={token}"
    channel = await websocket_connect(url)
    notebook = nbformat.from_dict((await _call(address, token, f"contents/{path}"))["content"])
    failed = []
    for cell in (cell for cell in notebook.cells if cell.cell_type == "code"):
        request = _execute_request(cell.source)
        await channel.write_message(json.dumps(request))
        while True:
            message = json.loads(await asyncio.wait_for(channel.read_message(), 600))
            ours = message["parent_header"].get("msg_id") == request["header"]["msg_id"]
            if ours and message["msg_type"] == "execute_reply":
                break
        if message["content"]["status"] != "ok":
            failed.append(f"{path}: {message['content'].get('ename')}: {message['content'].get('evalue')}")
            break
    channel.close()
    return failed


async def run_all(address, token, paths):
    """Run every notebook, one after the other; first see that a failing cell is noticed."""
    await _until_up(address, token)
    if not await run_notebook(address, token, FAULT):
        raise SystemExit("a notebook with a failing cell passed, so this check proves nothing")
    return [line for path in tqdm(paths, unit="notebook") for line in await run_notebook(address, token, path)]


def main():
    """Run the command."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder, "book")
        subprocess.run(["git", "clone", "--quiet", BOOK, clone], check=True)
        paths = [str(source.with_suffix(".ipynb").relative_to(clone)) for source in sources(clone)]
        fault = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
        nbformat.write(fault, clone / FAULT)
        with server(clone, environment(clone, Path(folder, "environment"))) as (address, token):
            failed = asyncio.run(run_all(address, token, paths))
    print(f"{len(paths)} notebooks, {len(failed)} failed cells")
    sys.exit("\n".join(failed) or None)


if __name__ == "__main__":
    main()
