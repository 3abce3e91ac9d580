# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-suite page: what it serves to whom, and how it looks in Chromium. WAZO_SCREENSHOT=write makes docs/page.png anew."""
import contextlib
import http.client
import http.server
import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import threading

import pytest

import harness
from watched import PROGRAM, Suite, load

TOKEN = 'only-who-has-this-may-look'
CHROMIUM = shutil.which('chromium-headless-shell') or shutil.which('chromium')


@pytest.fixture(scope='module')
def service():
    with harness.Service() as s:
        yield s


class Page:
    def __init__(self, *words, environment=None, listen='127.0.0.1:0'):
        self.errors = tempfile.TemporaryFile('w+', dir=harness.scratch())
        self.process = subprocess.Popen([PROGRAM, 'page', '--listen', listen, *words], env=environment or harness.clean_environment(), stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=self.errors, text=True, **harness.run_as(None))
        self.url = self.process.stdout.readline().strip()
        match = re.match(r'http://(.*):(\d+)/$', self.url)
        self.port = int(match.group(2)) if match else None

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def ask(self, path='/suite.json', method='GET', body=None, **headers):
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=60 * harness.SLOW)
        with contextlib.closing(connection):
            connection.request(method, path, body, {name.replace('_', '-'): value for name, value in headers.items()})
            answer = connection.getresponse()
            return harness.Answer(answer, answer.read())

    def reader(self):
        [pid] = harness.children(self.process.pid)
        return pid

    def end(self, signo=signal.SIGTERM, code=0):
        children = harness.children(self.process.pid)
        self.process.send_signal(signo)
        assert self.process.wait(60 * harness.SLOW) == code, self.said()
        harness.wait_for(lambda: not any(harness.alive(pid) for pid in children))
        assert not harness.sanitizer_report(self.said()), self.said()

    def __enter__(self):
        assert self.port, self.said()
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None and self.process.poll() is None:
                self.end()
        finally:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
            self.errors.close()


# ---- what it serves ----


def test_the_page_is_one_file_that_needs_no_other(service):
    with Page('--dev', service.dir) as page:
        answer = page.ask('/')
        assert answer.status == 200 and answer.headers['Content-Type'] == 'text/html; charset=utf-8'
        text = answer.body.decode()
        assert not re.search(r'(src|href|url|import|@import)\s*[=(]', text.replace('const', '')), 'it loads something'
        policy = answer.headers['Content-Security-Policy']
        assert policy.startswith("default-src 'none'; script-src 'sha256-") and "connect-src 'self'" in policy and 'unsafe' not in policy
        # The same connection serves more.
        connection = http.client.HTTPConnection('127.0.0.1', page.port, timeout=60 * harness.SLOW)
        with contextlib.closing(connection):
            for path in ('/', '/suite.json', '/suite.json'):
                connection.request('GET', path)
                assert connection.sock and connection.getresponse().read()


def test_the_document(service):
    load(service)
    with Page('--dev', service.dir) as page:
        document = page.ask().json
        [confd] = document['services']
        assert (confd['name'], confd['state']) == ('wazo-confd', 'ready')
        assert {'user', 'gateway'} <= {worker['name'] for worker in confd['workers']}
        assert page.ask().json['version'] == 1


def test_it_is_to_be_read_only(service):
    with Page('--dev', service.dir) as page:
        for method in ('POST', 'PUT', 'DELETE', 'PATCH'):
            assert page.ask(method=method, body='{}').status == 405
        assert page.ask('/', 'HEAD').status == 200
        assert page.ask('/etc/passwd').status == 404


def test_many_look_at_once(service):
    with Page('--dev', service.dir) as page:
        statuses = []
        threads = [threading.Thread(target=lambda: statuses.append(page.ask().status)) for _ in range(30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert statuses == [200] * 30


def test_a_service_that_is_not_there(service):
    with Page('--dev', '/nonexistent') as page:
        [entry] = page.ask().json['services']
        assert entry['state'] == 'unknown' and 'nobody listens' in entry['text']


# ---- to whom ----


def test_without_a_token_only_for_who_is_here(service):
    with Page('--dev', service.dir) as page:
        for host in ('localhost', f'localhost:{page.port}', '127.0.0.1', '[::1]:80'):
            assert page.ask(Host=host).status == 200, host
        # A name that somebody made point here, in a page of his own.
        for host in ('attacker.example', '127.0.0.1.attacker.example', 'localhost.example:80', '10.0.0.1', ''):
            assert page.ask(Host=host).status == 403, host
        for name in ('X_Forwarded_For', 'Forwarded', 'X_Real_IP'):
            assert page.ask(**{name: '192.0.2.1'}).status == 403


def token_file(mode=0o600, token=TOKEN):
    path = os.path.join(tempfile.mkdtemp(dir=harness.scratch()), 'token')
    with open(path, 'w', encoding='ascii') as file:
        file.write(token + '\n')
    os.chmod(path, mode)
    return path


def test_with_a_token_for_who_has_it(service):
    with Page('--dev', service.dir, '--token-file', token_file()) as page:
        assert page.ask('/').status == 200
        for token in ({}, {'X_Auth_Token': ''}, {'X_Auth_Token': TOKEN[:-1]}, {'X_Auth_Token': TOKEN + 'x'}):
            answer = page.ask(**token)
            assert answer.status == 401 and b'wazo-confd' not in answer.body
        assert page.ask(X_Auth_Token=TOKEN, Host='pbx.example', X_Forwarded_For='192.0.2.1').status == 200


@pytest.mark.parametrize('words,code,message', [
    (['--listen', '0.0.0.0:0'], 78, 'is more than this host: that wants a --token-file'),
    (['--listen', '[::]:0'], 78, 'is more than this host'),
    (['--listen', 'localhost:80'], 2, 'ADDRESS:PORT'),
    (['--token-file', '/nonexistent'], 78, 'No such file'),
    (['more'], 2, 'nothing to say'),
])
def test_what_is_refused(words, code, message):
    done = subprocess.run([PROGRAM, 'page', '--dev', '/nonexistent', *words], env=harness.clean_environment(), capture_output=True, text=True,
                          timeout=60 * harness.SLOW)
    assert done.returncode == code and message in done.stderr, done.stderr


@pytest.mark.parametrize('mode,token,message', [(0o644, TOKEN, 'everybody may read it'), (0o600, 'short', '16 characters')])
def test_a_token_file_that_is_wrong(mode, token, message):
    done = subprocess.run([PROGRAM, 'page', '--dev', '/nonexistent', '--listen', '127.0.0.1:0', '--token-file', token_file(mode, token)],
                          env=harness.clean_environment(), capture_output=True, text=True, timeout=60 * harness.SLOW)
    assert done.returncode == 78 and message in done.stderr


# ---- its processes ----


def test_who_speaks_with_browsers_may_do_nothing_else(service):
    with Page('--dev', service.dir) as page:
        page.ask()
        status = harness.proc_status(page.process.pid)
        assert status['NoNewPrivs'].strip() == '1' and int(status['CapEff'], 16) == 0
        if harness.ROOT:
            assert status['Groups'].strip() == ''
        assert page.reader() != page.process.pid


def test_the_end_of_one_is_the_end_of_both(service):
    with Page('--dev', service.dir) as page:
        os.kill(page.reader(), signal.SIGKILL)
        assert page.process.wait(60 * harness.SLOW) == 1
        assert 'the process that asks the services has ended' in page.said()


# ---- in a browser ----


class Between(http.server.ThreadingHTTPServer):
    """In front of the page: before the second look of the browser, something happens."""

    daemon_threads = True

    def __init__(self, page, happens):
        between, lock, looks = self, threading.Lock(), []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                if self.path == '/suite.json':
                    with lock:
                        looks.append(1)
                        if len(looks) == 2:
                            happens()
                answer = page.ask(self.path, Host='localhost', **{'X_Auth_Token': self.headers['X-Auth-Token']} if self.headers['X-Auth-Token'] else {})
                self.send_response(answer.status)
                for name in ('Content-Type', 'Content-Security-Policy'):
                    self.send_header(name, answer.headers[name])
                self.send_header('Content-Length', str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *_):
                pass

        super().__init__(('127.0.0.1', 0), Handler)
        self.looks = looks
        self.thread = threading.Thread(target=between.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self):
        return f'http://127.0.0.1:{self.server_address[1]}/'


def chromium(*words):
    """Its standard output: virtual time runs as fast as answers come."""
    with tempfile.TemporaryDirectory(dir=harness.scratch()) as profile:
        done = subprocess.run([CHROMIUM, '--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--hide-scrollbars', f'--user-data-dir={profile}',
                               '--virtual-time-budget=12000', *words], env=harness.clean_environment(HOME=profile), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    return done.stdout


def row(dom, name):
    """The cells of a table's row."""
    match = re.search(rf'<tr data-name="{name}">(.*?)</tr>', dom)
    return re.sub(r'<[^>]*>', '', re.sub(r'</td>', '|', match.group(1))).split('|') if match else None


@pytest.mark.skipif(not CHROMIUM, reason='no Chromium: apt-get install chromium-headless-shell')
def test_in_chromium(make_service):
    """The page shows the suite, and by itself what happens then: a worker is killed, and another takes its place."""
    service = make_service()
    load(service)
    with Suite(service) as suite, Page('--services-dir', suite.manifests, environment=suite.environment) as page:
        def happens():
            [worker] = [worker for worker in service.status()['workers'] if worker['name'] == 'context']
            os.kill(worker['pid'], signal.SIGKILL)
            harness.wait_for(lambda: [w['restarts'] for s in page.ask().json['services'] for w in s.get('workers', []) if w['name'] == 'context'] == [1], 30, every=0.2)

        between = Between(page, happens)
        try:
            dom = chromium('--dump-dom', between.url)
            assert len(between.looks) > 2
            service_row = row(dom, 'wazo-confd')
            assert service_row[:2] == ['wazo-confd', 'ready'] and service_row[3] == '1'
            assert row(dom, 'wazo-calld')[:2] == ['wazo-calld', 'failed'] and row(dom, 'wazo-auth')[1] == 'running'
            assert row(dom, 'context')[1] == 'ready' and row(dom, 'context')[4] == '1'
            assert row(dom, 'user')[4] == '0'
            for words in ('user_created', 'killed by SIGKILL', 'half within', '<title>wazo-suite: not all is well</title>'):
                assert words in dom, words
            assert re.search(r'id="notice"[^>]*hidden', dom)

            load(service, 100)
            picture = os.path.join(suite.dir, 'page.png')
            chromium('--window-size=1280,1280', f'--screenshot={picture}', between.url)
            with open(picture, 'rb') as file:
                head = file.read(24)
            assert head[:8] == b'\x89PNG\r\n\x1a\n' and struct.unpack('>II', head[16:24]) == (1280, 1280)
            assert os.path.getsize(picture) > 20000
            if os.environ.get('WAZO_SCREENSHOT') == 'write':
                shutil.copy(picture, os.path.join(harness.TOP, 'docs/page.png'))
        finally:
            between.shutdown()
            between.server_close()


@pytest.mark.skipif(not CHROMIUM, reason='no Chromium: apt-get install chromium-headless-shell')
def test_in_chromium_without_the_token(service):
    with Page('--dev', service.dir, '--token-file', token_file()) as page:
        dom = chromium('--dump-dom', page.url)
        assert 'This page wants a token.' in dom and not re.search(r'<form id="login"[^>]*hidden', dom)
        assert 'wazo-confd' not in re.sub(r'<script>.*?</script>', '', dom, flags=re.S)
