#!/usr/bin/env python3
"""A symbol server that fails in ways that a real one can't be told to: raw sockets, a thread each.

Usage: faults.py PORT ROOT LOG. The first part of a path names the fault, the rest is a file of ROOT.
nginx stands in front of it; it can be asked directly as well.
"""
import hashlib
import os
import re
import socket
import socketserver
import sys
import threading
import time
import urllib.parse

ROOT = LOG = ""
LOCK = threading.Lock()
SEEN = {}


def times_asked(path):
    """How often this path was asked for before."""
    with LOCK:
        SEEN[path] = SEEN.get(path, 0) + 1
        return SEEN[path] - 1


def content_of(relative):
    path = os.path.normpath(os.path.join(ROOT, urllib.parse.unquote(relative)))
    if not path.startswith(ROOT + os.sep) or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        return file.read()


def other_content(relative):
    """Another file of the store, of the same kind."""
    own = content_of(relative)
    ending = os.path.splitext(relative)[1].lower()
    for folder, folders, files in os.walk(ROOT):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            if os.path.splitext(name)[1].lower() == ending:
                with open(path, "rb") as file:
                    other = file.read()
                if other != own:
                    return other
    return own


def etag_of(content):
    return '"%s"' % hashlib.sha1(content).hexdigest()


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        text = b""
        while b"\r\n\r\n" not in text:
            got = self.request.recv(65536)
            if not got:
                return
            text += got
        lines = text.decode("latin-1").split("\r\n")
        self.method, self.path = lines[0].split(" ")[:2]
        self.headers = {}
        for line in lines[1:]:
            if ":" in line:
                name, value = line.split(":", 1)
                self.headers[name.lower()] = value.strip()
        self.status = 0
        _, self.fault, self.relative = self.path.split("?")[0].split("/", 2)
        try:
            getattr(self, "do_" + self.fault.replace("-", "_"), self.unknown)()
        except (BrokenPipeError, ConnectionResetError):
            pass
        with LOCK, open(LOG, "a", encoding="utf-8") as log:
            fields = [self.method, self.path, self.status, self.headers.get("range", "-"),
                      self.headers.get("user-agent", "-"), self.headers.get("authorization", "-"), "direct"]
            log.write("\t".join(map(str, fields)) + "\n")

    def unknown(self):
        self.head(404, {"Content-Length": 0})

    def do_forget(self):  # what was asked for before
        with LOCK:
            SEEN.clear()
        self.head(204, {"Content-Length": 0})

    def head(self, status, headers):
        self.status = status
        lines = ["HTTP/1.1 %d %s" % (status, "Told"), "Connection: close"]
        lines += ["%s: %s" % item for item in headers.items()]
        self.request.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def content(self):
        content = content_of(self.relative)
        if content is None:
            self.head(404, {"Content-Length": 0})
        return content

    def chunk(self, piece):
        self.request.sendall(b"%x\r\n" % len(piece) + piece + b"\r\n")

    def whole(self, content, cut_at=None, validator=None):
        """The file, or the part that is asked for; of what is sent so many bytes at most."""
        etag = validator or etag_of(content)
        headers = {"ETag": etag, "Accept-Ranges": "bytes"}
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        first = int(match.group(1)) if match else 0
        if match and self.headers.get("if-range", etag) == etag:
            if first >= len(content):
                return self.head(416, {"Content-Length": 0, "Content-Range": "bytes */%d" % len(content)})
            headers["Content-Range"] = "bytes %d-%d/%d" % (first, len(content) - 1, len(content))
            status = 206
        else:
            first, status = 0, 200
        body = content[first:]
        headers["Content-Length"] = len(body)
        self.head(status, headers)
        self.request.sendall(body if cut_at is None else body[:cut_at(len(body))])

    # Cut off.

    def do_cut(self):  # always at its half, and ranges are not known
        content = self.content()
        if content is not None:
            self.head(200, {"Content-Length": len(content), "ETag": etag_of(content)})
            self.request.sendall(content[:len(content) // 2])

    def do_cut_once(self):
        content = self.content()
        if content is not None:
            self.whole(content, (lambda n: n // 2) if times_asked(self.path) == 0 else None)

    def do_cut_each(self):  # each answer at its half
        content = self.content()
        if content is not None:
            self.whole(content, lambda n: (n + 1) // 2)

    def do_cut_once_then_whole(self):  # ranges are not known
        if times_asked(self.path) == 0:
            return self.do_cut()
        content = self.content()
        if content is not None:
            self.head(200, {"Content-Length": len(content)})
            self.request.sendall(content)

    def do_cut_once_then_elsewhere(self):  # another part than is asked for
        if times_asked(self.path) == 0:
            return self.do_cut()
        content = self.content()
        if content is not None and "range" in self.headers:
            self.head(206, {"Content-Length": len(content), "ETag": etag_of(content),
                            "Content-Range": "bytes 0-%d/%d" % (len(content) - 1, len(content))})
            self.request.sendall(content)
        elif content is not None:
            self.whole(content)

    def do_changed_once(self):  # what is cut off is of another file, which is replaced then
        content = self.content()
        if content is None:
            return
        if times_asked(self.path) == 0:
            old = content[:1024] + bytes(byte ^ 0x5a for byte in content[1024:])
            self.whole(old, lambda n: n // 2)
        else:
            self.whole(content)

    def do_cut_chunked(self):
        content = self.content()
        if content is not None:
            self.head(200, {"Transfer-Encoding": "chunked"})
            self.chunk(content[:len(content) // 2])

    # What is sent is wrong.

    def do_wrong_file(self):
        if self.content() is not None:
            self.whole(other_content(self.relative))

    def do_told_longer(self):
        content = self.content()
        if content is not None:
            self.head(200, {"Content-Length": len(content) + 1000})
            self.request.sendall(content)

    def do_told_shorter(self):
        content = self.content()
        if content is not None:
            self.head(200, {"Content-Length": len(content) * 3 // 4})
            self.request.sendall(content)

    def do_trailing(self):  # the file, and more of it than there should be
        content = self.content()
        if content is not None:
            self.whole(content + b"more" * 1000)

    def do_not_http(self):
        self.request.sendall(b"220 mail.example ESMTP\r\n" * 10)

    # It does not end, or does not begin.

    def do_endless(self):  # the file, and zeros for ever
        content = self.content()
        if content is not None:
            self.head(200, {"Transfer-Encoding": "chunked"})
            self.chunk(content)
            while True:
                self.chunk(bytes(65536))

    def do_endless_told(self):
        content = self.content()
        if content is not None:
            self.head(200, {"Content-Length": 1 << 60})
            self.request.sendall(content)
            while True:
                self.request.sendall(bytes(65536))

    def do_drip(self):  # a byte a second, for ever
        content = self.content()
        if content is not None:
            self.head(200, {"Content-Length": len(content)})
            for byte in content:
                self.request.sendall(bytes([byte]))
                time.sleep(1)

    def do_silent(self):
        self.request.settimeout(None)
        self.request.recv(1)  # until the other end leaves

    def do_slow_start(self):
        time.sleep(2)
        content = self.content()
        if content is not None:
            self.whole(content)

    # It fails once.

    def do_500_once(self):
        if times_asked(self.path) == 0:
            return self.head(500, {"Content-Length": 0})
        content = self.content()
        if content is not None:
            self.whole(content)

    def do_429_once(self):
        if times_asked(self.path) == 0:
            return self.head(429, {"Content-Length": 0, "Retry-After": 1})
        content = self.content()
        if content is not None:
            self.whole(content)


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request, client_address):
        pass


def main():
    global ROOT, LOG
    ROOT, LOG = os.path.normpath(sys.argv[2]), sys.argv[3]
    with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
