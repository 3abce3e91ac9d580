# SPDX-License-Identifier: GPL-3.0-or-later
"""Many requests at once for one worker: its answers go out together, and none is kept for one that takes its time."""
import re
import socket
import time

import pytest

from harness import SLOW, Service, wait_for

BUSY_MS = 500
SLOW_MS = 4000


@pytest.fixture(scope='module')
def service():
    with Service(plugins=['crashdummy']) as s:
        s.get('/crashdummy/ok')
        yield s


class Client:
    def __init__(self, service):
        self.socket = socket.create_connection(('127.0.0.1', service.port), 60 * SLOW)
        self.token = service.token
        self.data = b''

    def ask(self, path):
        self.socket.sendall(f'GET /1.1{path} HTTP/1.1\r\nHost: x\r\nX-Auth-Token: {self.token}\r\n\r\n'.encode())

    def answer(self):
        """The next answer's status and X-Request-Id."""
        while b'\r\n\r\n' not in self.data:
            self.data += self.socket.recv(65536)
        head, _, self.data = self.data.partition(b'\r\n\r\n')
        lines = head.decode().split('\r\n')
        headers = dict(line.lower().split(': ', 1) for line in lines[1:])
        while len(self.data) < int(headers['content-length']):
            self.data += self.socket.recv(65536)
        self.data = self.data[int(headers['content-length']):]
        return int(lines[0].split()[1]), headers['x-request-id']


def test_an_answer_is_not_kept_for_a_slow_one(service):
    """They wait in this order for the one worker: when it has answered the quick ones, it is at the slow one."""
    first, slow, *quick = [Client(service) for _ in range(7)]
    since = len(service.log())

    def asked(n):
        wait_for(lambda: len(re.findall(r'\): request: GET \S+/crashdummy/', service.log()[since:])) >= n)
    first.ask(f'/crashdummy/slow?n={BUSY_MS}')
    asked(1)
    for client in quick:
        client.ask('/crashdummy/ok')
    asked(6)
    begin = time.monotonic()
    slow.ask(f'/crashdummy/slow?n={SLOW_MS}')
    assert all(client.answer()[0] == 200 for client in [first, *quick])
    assert time.monotonic() - begin < SLOW_MS / 1000
    assert slow.answer()[0] == 200


def test_everybody_gets_an_answer_of_his_own(service):
    clients = [Client(service) for _ in range(20)]
    since, rounds = len(service.log()), 30
    ids = []
    for _ in range(rounds):
        for client in clients:
            client.ask('/crashdummy/ok')
        for client in clients:
            status, request_id = client.answer()
            assert status == 200
            ids.append(request_id)
    assert len(set(ids)) == rounds * len(clients)
    wait_for(lambda: service.log()[since:].count('/crashdummy/ok 200 [') == len(ids), message='not each answer has its line')
