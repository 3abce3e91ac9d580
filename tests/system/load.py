# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that never rest, each in its own way. Until standard input ends:

    load.py PORT TOKEN < PIPE       prints one JSON object: what was answered, what failed, what was sent again

A request has failed when it is answered with an error, when its connection is refused, or when it stays unanswered although
RFC 9112 does not tell the client to send it again: it does for GET on a connection that was closed (9.3.1, 9.3.2), not for POST.
"""
import collections
import json
import select
import socket
import sys
import threading
import time
import uuid

TIMEOUT = 60


class Closed(Exception):
    pass


class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), TIMEOUT)
        self.buffer, self.last = b'', False

    def send(self, data):
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise Closed from error

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, TimeoutError) as error:
            raise Closed from error
        if not data:
            raise Closed
        self.buffer += data

    def answer(self):
        """(status, body). After one with "Connection: close" there is no other."""
        while b'\r\n\r\n' not in self.buffer:
            self._more()
        head, rest = self.buffer.split(b'\r\n\r\n', 1)
        lines = head.decode('latin-1').split('\r\n')
        headers = {k.lower(): v.strip() for k, v in (line.split(':', 1) for line in lines[1:])}
        size = int(headers.get('content-length', 0))
        self.buffer = rest
        while len(self.buffer) < size:
            self._more()
        body, self.buffer = self.buffer[:size], self.buffer[size:]
        self.last = headers.get('connection', '').lower() == 'close'
        return int(lines[0].split()[1]), body

    def close(self):
        self.socket.close()


class Load:
    def __init__(self, port, token):
        self.port, self.token = port, token
        self.stop, self.lock = threading.Event(), threading.Lock()
        self.counts, self.failed, self.slowest = collections.Counter(), [], 0
        self.created = []

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    def fail(self, who, what):
        with self.lock:
            self.failed.append(f'{who}: {what}')

    def request(self, method, path, body=b''):
        head = f'{method} /1.1{path} HTTP/1.1\r\nHost: a\r\nX-Auth-Token: {self.token}\r\n'
        if body:
            head += f'Content-Type: application/json\r\nContent-Length: {len(body)}\r\n'
        return head.encode() + b'\r\n' + body

    def judge(self, who, expected, status, body, began):
        with self.lock:
            self.slowest = max(self.slowest, time.monotonic() - began)
        if status == expected:
            self.count(who)
        else:
            self.fail(who, f'{status} {body[:200]!r}')

    def connect(self, who):
        try:
            return Connection(self.port)
        except OSError as error:
            self.fail(who, f'cannot connect: {error}')
            time.sleep(0.05)
            return None

    def steady(self, who, method, path, make_body=lambda: b'', expected=200, pause=0.0, reuse=True):
        """One request after the other."""
        connection, began = None, 0
        while not self.stop.is_set():
            connection = connection or self.connect(who)
            if not connection:
                continue
            fresh, began, body = not connection.buffer, time.monotonic(), make_body()
            try:
                connection.send(self.request(method, path, body))
                status, answer = connection.answer()
            except Closed:
                if method == 'GET' and fresh:
                    self.count('sent again')
                else:
                    self.fail(who, f'unanswered after {time.monotonic() - began:.2f} s')
                connection.close()
                connection = None
                continue
            self.judge(who, expected, status, answer, began)
            if connection.last or not reuse:
                connection.close()
                connection = None
            if pause:
                time.sleep(pause)
        if connection:
            connection.close()

    def pipeline(self, who, path, depth=8):
        """Several at once on a connection; what is left unanswered when it closes is sent again."""
        connection, owed = None, 0
        while not self.stop.is_set():
            connection = connection or self.connect(who)
            if not connection:
                continue
            owed, began = owed or depth, time.monotonic()
            try:
                connection.send(self.request('GET', path) * owed)
                while owed > 0:
                    status, body = connection.answer()
                    owed -= 1
                    self.judge(who, 200, status, body, began)
                    if connection.last:
                        raise Closed
            except Closed:
                with self.lock:
                    self.counts['sent again'] += owed
                connection.close()
                connection = None

    def slow_upload(self, who, path, make_body):
        """A body that takes a second; whoever replaces the gateway meanwhile must wait for it."""
        while not self.stop.is_set():
            connection = self.connect(who)
            if not connection:
                continue
            request, began = self.request('POST', path, make_body()), time.monotonic()
            try:
                for i in range(0, len(request), len(request) // 10 + 1):
                    connection.send(request[i:i + len(request) // 10 + 1])
                    time.sleep(0.1)
                self.judge(who, 201, *connection.answer(), began)
            except Closed:
                self.fail(who, f'unanswered after {time.monotonic() - began:.2f} s')
            connection.close()

    def user(self):
        name = uuid.uuid4().hex
        with self.lock:
            self.created.append(name)
        return json.dumps({'firstname': name}).encode()

    def run(self):
        jobs = [
            (self.steady, 'keep-alive', 'GET', '/infos'),
            (self.steady, 'keep-alive', 'GET', '/contexts'),
            (self.steady, 'idle between', 'GET', '/contexts', lambda: b'', 200, 0.7),
            (self.steady, 'new connection', 'GET', '/infos', lambda: b'', 200, 0.01, False),
            (self.steady, 'keep-alive write', 'POST', '/users', self.user, 201, 0.05),
            (self.pipeline, 'pipeline', '/infos'),
            (self.slow_upload, 'slow upload', '/users', self.user),
            (self.slow_upload, 'slow upload', '/users', self.user),
        ]
        threads = [threading.Thread(target=job[0], args=job[1:], daemon=True) for job in jobs]
        for thread in threads:
            thread.start()
        select.select([sys.stdin], [], [])
        self.stop.set()
        for thread in threads:
            thread.join(TIMEOUT + 5)
        print(json.dumps({'answered': self.counts, 'failed': self.failed, 'slowest': self.slowest, 'created': len(self.created)}))


if __name__ == '__main__':
    Load(int(sys.argv[1]), sys.argv[2]).run()
