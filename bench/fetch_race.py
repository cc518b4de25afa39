#!/usr/bin/env python3
"""Gets 1,000 PDBs of 78 KB from nginx on loopback: ntstack's fetcher, which checks each file and waits until it
is on the disk, against curl with as many connections at once, which does neither. Pairs alternate; medians.

    bench/fetch_race.py BUILD_FOLDER

Needs nginx and curl.
"""
import os
import pathlib
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

FILES = 1000
RUNS = 5
PARALLEL = 8

CONFIG = """
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  keepalive_requests 100000;
  server {{ listen 127.0.0.1:{port}; root {folder}/store; }}
}}
"""


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def make_store(folder):
    """So many PDBs, each the sample's with a GUID of its own; their list for ntstack and the addresses for curl."""
    sample = pathlib.Path(__file__).parent.parent / "samples/seed1/symbols/mup.pdb"
    summary = subprocess.run(["llvm-pdbutil-19", "dump", "-summary", str(sample)], capture_output=True, text=True,
                             check=True).stdout
    digits = re.search(r"GUID: \{([-0-9A-F]+)\}", summary).group(1).replace("-", "")
    age = int(re.search(r"Age: (\d+)", summary).group(1))
    fields = bytes.fromhex(digits)
    guid = fields[3::-1] + fields[5:3:-1] + fields[7:5:-1] + fields[8:]
    content = sample.read_bytes()
    assert content.count(guid) == 1
    lines, paths = [], []
    for i in range(FILES):
        new = guid[:12] + i.to_bytes(4, "big")
        name, key = f"module{i}.pdb", digits[:24] + f"{i:08X}"
        path = f"{name}/{key}{age:x}/{name}"
        target = folder / "store" / path
        target.parent.mkdir(parents=True)
        target.write_bytes(content.replace(guid, new))
        lines.append(f"{name} {key} {age}\n")
        paths.append(path)
    return "".join(lines), paths


def seconds(command, text=None):
    start = time.perf_counter()
    subprocess.run(command, input=text, text=True, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main():
    program = pathlib.Path(sys.argv[1]).resolve() / "bench/fetch_many"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        os.chmod(folder, 0o755)
        wanted, paths = make_store(folder)
        port = free_port()
        (folder / "nginx.conf").write_text(CONFIG.format(folder=folder, port=port))
        nginx = subprocess.Popen(["/usr/sbin/nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)])
        try:
            race(program, folder, f"http://127.0.0.1:{port}", wanted, paths)
        finally:
            nginx.terminate()
            nginx.wait()


def wait_for(server):
    for _ in range(100):
        if subprocess.run(["curl", "-s", "-o", "/dev/null", server]).returncode == 0:
            return
        time.sleep(0.05)
    raise SystemExit("nginx does not answer")


def race(program, folder, server, wanted, paths):
    wait_for(server)
    config = "".join(f'url = "{server}/{path}"\noutput = "{folder}/curl/{path}"\n' for path in paths)
    ours, theirs, again = [], [], []
    for _ in range(RUNS):
        for place in ("cache", "curl"):
            shutil.rmtree(folder / place, ignore_errors=True)
        path = f"srv*{folder}/cache*{server}"
        ours.append(seconds([str(program), path], wanted))
        again.append(seconds([str(program), path], wanted))
        theirs.append(seconds(["curl", "-sf", "--no-progress-meter", "-Z", "--parallel-max", str(PARALLEL), "--create-dirs", "-K", "-"],
                              config))
    for path in paths:
        assert (folder / "cache" / path).read_bytes() == (folder / "store" / path).read_bytes(), path
    mine, other = statistics.median(ours), statistics.median(theirs)
    print(f"{FILES} files: ntstack {mine:.3f} s, curl {other:.3f} s: curl takes {other / mine:.2f} times as long")
    print(f"all of them there already: {statistics.median(again):.3f} s")


main()
