# SPDX-License-Identifier: GPL-3.0-or-later
"""A real agent of consul for the tests, on loopback and free ports, in a temporary folder; and one of our own making, to misbehave.

tests/fetch-consul gets the program; without it the tests that need it are skipped.
"""
import contextlib
import http.client
import http.server
import json
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading

from harness import NOBODY, ROOT, SLOW, TOP, clean_environment, free_port, run_as, wait_for
from rabbitmq import certificates

PROGRAM = os.path.join(TOP, 'build-consul/root/usr/bin/consul')
AVAILABLE = os.path.exists(PROGRAM)
WHY_NOT = 'there is no consul: tests/fetch-consul could not get it'
STARTS = 3
TOKEN = '5e1c3b1e-7a52-4c9e-9d55-0f6f4f7a2b10'


class Agent:
    """consul agent -dev: it forgets everything when it ends. With https, path('ca.crt') is what to trust."""

    def __init__(self, token=None, https=False):
        self.home = tempfile.mkdtemp(prefix='wazo-consul-')
        os.chmod(self.home, 0o755)
        self.token, self.https, self.port, self.process = token, https, 0, None
        if https:
            certificates(self.home)
        # It makes files where it is at home.
        os.makedirs(self.path('home'))
        if ROOT:
            os.chown(self.path('home'), NOBODY, NOBODY)

    def _configure(self):
        self.port = free_port()
        ports = {'dns': -1, 'grpc': -1, 'http': -1 if self.https else self.port, 'https': self.port if self.https else -1}
        for name in ('server', 'serf_lan', 'serf_wan'):
            ports[name] = free_port()
        configuration = {'ports': ports, 'bind_addr': '127.0.0.1', 'client_addr': '127.0.0.1', 'node_name': 'test', 'log_level': 'warn',
                         'disable_update_check': True}
        if self.https:
            configuration.update(cert_file=self.path('broker.crt'), key_file=self.path('broker.key'), ca_file=self.path('ca.crt'))
        if self.token:
            configuration['acl'] = {'enabled': True, 'default_policy': 'deny', 'tokens': {'master': self.token}}
        with open(self.path('agent.json'), 'w', encoding='utf-8') as file:
            json.dump(configuration, file)

    def path(self, name):
        return os.path.join(self.home, name)

    def log(self):
        with open(self.path('log'), encoding='utf-8', errors='replace') as file:
            return file.read()

    def start(self):
        """The first time at ports of its choice, which somebody may take before it has; from then on at the same."""
        choose = self.port == 0
        for _ in range(STARTS if choose else 1):
            if choose:
                self._configure()
            with open(self.path('log'), 'ab') as log:
                self.process = subprocess.Popen([PROGRAM, 'agent', '-dev', '-config-file', self.path('agent.json')], stdin=subprocess.DEVNULL,
                                                stdout=log, stderr=log, cwd='/',
                                                env=clean_environment(HOME=self.path('home'), GOMAXPROCS='2'), **run_as(NOBODY))
            wait_for(lambda: self.process.poll() is not None or self._leads(), 60, lambda: f'consul does not start:\n{self.log()[-3000:]}', every=0.1)
            if self.process.poll() is None:
                return self
        raise AssertionError(f'consul does not start:\n{self.log()[-3000:]}')

    def _leads(self):
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError, AssertionError):
            return self.ask('/v1/status/leader') != '' and 'Config' in self.ask('/v1/agent/self')
        return False

    def stop(self):
        if self.process:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        self.process = None

    def close(self):
        self.stop()
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    def request(self, method, path, body=None):
        connection = http.client.HTTPSConnection('127.0.0.1', self.port, timeout=20 * SLOW, context=ssl._create_unverified_context()) \
            if self.https else http.client.HTTPConnection('127.0.0.1', self.port, timeout=20 * SLOW)
        try:
            connection.request(method, path, body, {'X-Consul-Token': self.token} if self.token else {})
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ask(self, path):
        status, body = self.request('GET', path)
        assert status == 200, (status, body)
        return json.loads(body)

    def services(self):
        """Those of a name: [(the service, its check)]."""
        checks = {check['ServiceID']: check for check in self.ask('/v1/agent/checks').values()}
        return {identifier: (service, checks.get(identifier)) for identifier, service in self.ask('/v1/agent/services').items()}

    def find(self, name='wazo-confd'):
        """Its one entry: (the service, its check); None without."""
        found = [entry for entry in self.services().values() if entry[0]['Service'] == name]
        assert len(found) <= 1, found
        return found[0] if found else None

    def health(self, name='wazo-confd'):
        entry = self.find(name)
        return entry[1]['Status'] if entry and entry[1] else None

    def wait_health(self, health, name='wazo-confd', seconds=30):
        wait_for(lambda: self.health(name) == health, seconds, lambda: f'{name} is not {health} but {self.find(name)}', every=0.05)
        return self.find(name)


class Impostor:
    """Speaks as an agent does, remembers what it was asked, and answers by `answer`: (path) to a status, or None to say nothing."""

    def __init__(self, answer=lambda path: 200, port=0):
        self.asked, self.answer = [], answer
        outer, self._silent = self, threading.Event()

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_PUT(self):
                body = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                outer.asked.append((self.path, json.loads(body) if body else None, dict(self.headers)))
                status = outer.answer(self.path)
                if status is None:
                    outer._silent.wait()
                    return
                self.send_response(status)
                self.send_header('Content-Length', '0')
                self.end_headers()

            def log_message(self, *args):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request, client_address):
                pass

        self._server = Server(('127.0.0.1', port), Handler)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def paths(self):
        return [path for path, _, _ in list(self.asked)]

    def close(self):
        self._silent.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
