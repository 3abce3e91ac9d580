# SPDX-License-Identifier: GPL-3.0-or-later
"""From the supervisor's exec to READY=1, and from a plugin worker's death to the next one."""
import http.client
import os
import signal
import time

from figures import median
from service import RESTART, Service, new_directory, now_ms
from supervision import DYNAMIC_CHILD, BareLoop, Fifo

SECTION = 'start and restart of wazo-confd'
FIRST_STARTS = 3
STARTS = 9
ROUNDS = 3
INSTANCES = 8


def measure(figures):
    first, later = [], []
    for _ in range(FIRST_STARTS):
        service = Service(new_directory())
        try:
            first.append(service.start())
            service.stop()
            for _ in range(STARTS // FIRST_STARTS):
                later.append(service.start())
                service.stop()
        finally:
            service.remove()
    figures.add(SECTION, 'start to READY', median(later), 'ms', limit=100)
    figures.add(SECTION, 'first start, with the database made', median(first), 'ms')
    measure_kills(figures)


class Client:
    def __init__(self, service):
        self.connection = http.client.HTTPConnection('127.0.0.1', service.port, timeout=30)
        self.headers = {'X-Auth-Token': service.token}

    def close(self):
        self.connection.close()

    def get(self, path):
        self.connection.request('GET', path, headers=self.headers)
        response = self.connection.getresponse()
        response.read()
        return response.status


def kill(pid, fifo):
    """Until the successor runs."""
    begin = now_ms()
    os.kill(pid, signal.SIGKILL)
    return fifo.read(1)[0][1] - begin


def kill_to_answer(pid, client, path):
    """Until the successor has answered a request."""
    begin = now_ms()
    os.kill(pid, signal.SIGKILL)
    while client.get(path) != 200:
        pass
    return now_ms() - begin


def service_of_restarts(fifo):
    """wazo-confd with a plugin more, of several instances, each of which says when it starts."""
    service = Service(new_directory(), arguments=['--plugin-dir', RESTART])
    os.mkdir(os.path.join(service.path, 'etc'))
    # The one directory that every plugin may write to: so it has the sandbox that plugins have.
    database = os.path.join(service.path, 'state/db')
    os.makedirs(database)
    here = os.path.join(database, 'started')
    os.link(fifo.path, here)
    with open(os.path.join(service.path, 'etc/config.yml'), 'w', encoding='ascii') as f:
        f.write(f'plugins: {{restart: {{fifo: {here}}}}}\n'
                f'workers: {{restart: {{instances: {INSTANCES}}}}}\n')
    return service


def measure_kills(figures):
    """Each worker is killed once: a second failure in a row has to wait."""
    ours, answers, bare, static = [], [], [], []
    fifo, bare_fifo = Fifo(new_directory()), Fifo(new_directory())
    try:
        for _ in range(ROUNDS):
            service, loop, static_loop = service_of_restarts(fifo), BareLoop(bare_fifo), BareLoop(bare_fifo)
            loop.child = DYNAMIC_CHILD
            try:
                service.start()
                pids = [pid for pid, _ in fifo.read(INSTANCES)]
                loop.start(1)
                static_loop.start(1)
                for pid in pids:
                    bare.append(loop.kill_one())
                    static.append(static_loop.kill_one())
                    time.sleep(0.02)
                    ours.append(kill(pid, fifo))
                    time.sleep(0.02)
                client = Client(service)
                client.get('/1.1/infos')
                answers.append(kill_to_answer(service.workers()['info'], client, '/1.1/infos'))
                client.close()
            finally:
                service.remove()
                for each in (loop, static_loop):
                    if each.children:
                        each.stop()
    finally:
        fifo.remove()
        bare_fifo.remove()
    figures.add(SECTION, "kill of a plugin worker to the next one's start", median(ours), 'ms', median(bare), limit=1.0)
    figures.add(SECTION, 'the same, against a static child', median(ours), 'ms', median(static))
    figures.add(SECTION, 'the same, to an answer that needs the database', median(answers), 'ms')
