# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-suite top: once, as JSON, and live on a terminal, which is a pseudo-terminal here."""
import codecs
import contextlib
import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios

import pytest

import harness
from watched import PROGRAM, Suite, load

ENTER, LEAVE = '\x1b[?1049h', '\x1b[?1049l'


@pytest.fixture(scope='module')
def service():
    with harness.Service() as s:
        yield s


def top(*words, code=0, environment=None):
    done = subprocess.run([PROGRAM, 'top', *words], env=environment or harness.clean_environment(), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=60 * harness.SLOW)
    assert done.returncode == code, done.stdout + done.stderr
    assert not harness.sanitizer_report(done.stderr), done.stderr
    return done


def look(*words, **more):
    return json.loads(top(*words, '--json', **more).stdout)


class Screen:
    """A program on a terminal, and what it shows: lines of the last frame, without their colours."""

    def __init__(self, *words, rows=40, columns=110, term='xterm'):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)

        def own():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        self.process = subprocess.Popen([PROGRAM, *words], env=harness.clean_environment(TERM=term), stdin=slave, stdout=slave, stderr=slave,
                                        preexec_fn=own)
        self.slave = slave
        self.text, self.decode = '', codecs.getincrementaldecoder('utf-8')().decode

    def resize(self, rows, columns):
        self.rows, self.columns = rows, columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))

    def read(self, seconds=0.05):
        while select.select([self.master], [], [], seconds)[0]:
            try:
                self.text += self.decode(os.read(self.master, 65536))
            except OSError:
                return

    def lines(self):
        """Of the last frame that is whole."""
        self.read()
        whole = self.text.rpartition('\x1b[0m\x1b[K')[0]
        frame = whole.rpartition('\x1b[H')[2]
        return [re.sub(r'\x1b\[[?0-9;]*[A-Za-z]', '', line) for line in frame.split('\r\n')]

    def wait_for(self, what):
        def found():
            return what(self.lines())
        harness.wait_for(found, 20, lambda: '\n'.join(self.lines()), every=0.02)

    def has(self, word):
        self.wait_for(lambda lines: any(word in line for line in lines))

    def press(self, keys):
        os.write(self.master, keys.encode())

    def end(self):
        """The exit code; the terminal is as it was."""
        def ended():
            self.read(0)
            return self.process.poll() is not None
        harness.wait_for(ended, 20)
        self.read()
        assert self.text.count(ENTER) == self.text.count(LEAVE)
        assert termios.tcgetattr(self.slave) == self.before
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(OSError):
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)


# ---- once ----


def test_off_a_terminal_it_looks_once(service):
    load(service)
    out = top('--dev', service.dir).stdout
    assert '\x1b' not in out
    lines = out.splitlines()
    assert re.search(r'1 service: 1 ready$', lines[0])
    [row] = [line.split() for line in lines if line.startswith('wazo-confd ')]
    assert row[1] == 'ready' and 'MiB' in row
    for worker in ('gateway', 'control', 'user', 'user_line'):
        assert re.search(rf'^  {worker} +ready ', out, re.M), out
    assert re.search('^  events: publisher off', out, re.M)


def test_json(service):
    load(service)
    harness.wait_for(lambda: look('--dev', service.dir)['services'][0]['events'])
    document = look('--dev', service.dir)
    assert document['version'] == 1 and document['reason'] == ''
    [confd] = document['services']
    assert (confd['name'], confd['state'], confd['pid']) == ('wazo-confd', 'ready', service.pid)
    assert confd['listeners'] == [f'http://127.0.0.1:{service.port}']
    requests = confd['requests']
    assert requests['count'] >= 41 and requests['errors'] == 0
    assert 0 < requests['p50_ms'] <= requests['p95_ms'] <= requests['p99_ms']
    workers = {worker['name']: worker for worker in confd['workers']}
    assert workers['user']['requests'] >= 21 and workers['line']['requests'] >= 20 and workers['context']['requests'] == 0
    assert 'requests' not in workers['gateway']
    assert workers['user']['memory_kib'] > 0 and confd['memory_kib'] > workers['user']['memory_kib']
    assert confd['events'][-1]['name'] == 'user_created' and 'payload' not in confd['events'][-1]
    assert confd['crashes'] == []


def test_options_may_stand_before_the_command(service):
    done = subprocess.run([PROGRAM, '--dev', service.dir, 'top', '--json'], env=harness.clean_environment(), capture_output=True, text=True, timeout=60 * harness.SLOW)
    assert json.loads(done.stdout)['services'][0]['name'] == 'wazo-confd', done.stderr


def test_the_whole_suite(service):
    with Suite(service) as suite:
        document = look('--services-dir', suite.manifests, environment=suite.environment)
        out = top('--services-dir', suite.manifests, environment=suite.environment).stdout
    found = {entry['name']: entry for entry in document['services']}
    # Those that this host has, ours first, and no others.
    assert list(found) == ['wazo-confd', 'postgresql', 'wazo-auth', 'wazo-calld', 'wazo-provd'] and document['reason'] == ''
    assert {name: entry['state'] for name, entry in found.items()} == {
        'wazo-confd': 'ready', 'postgresql': 'running', 'wazo-auth': 'running', 'wazo-calld': 'failed', 'wazo-provd': 'stopped'}
    assert found['wazo-auth']['text'] == 'at your service' and found['wazo-auth']['memory_kib'] > 0
    assert found['wazo-calld']['text'] == 'signal'
    assert (found['postgresql']['restarts'], found['postgresql']['memory_kib']) == (3, 65536)
    assert '5 services: 1 ready, 2 running, 1 failed, 1 stopped' in out.splitlines()[0]


def test_without_systemd_ours_are_seen(service):
    with Suite(service) as suite:
        environment = {**suite.environment, 'DBUS_SYSTEM_BUS_ADDRESS': 'unix:path=/nonexistent'}
        document = look('--services-dir', suite.manifests, environment=environment)
    assert [entry['name'] for entry in document['services']] == ['wazo-confd']
    assert 'systemd does not answer' in document['reason']


@pytest.mark.parametrize('words,code,message', [
    (['--dev', '/nonexistent'], 3, 'nobody listens'),
    (['--dev', '/a', '--service', 'b'], 2, 'exclude each other'),
    (['--interval', '0'], 2, '--interval wants seconds'),
    (['--service', 'a/b'], 2, "'a/b' is no name of a service"),
    (['--services-dir', '/a'] * 7, 2, 'too many --services-dir'),
    (['more'], 2, 'there is nothing to say'),
])
def test_what_is_wrong(words, code, message):
    assert message in top(*words, code=code).stderr


# ---- live ----


def test_live(service):
    with Screen('top', '--dev', service.dir, '--interval', '0.2') as screen:
        screen.has('user_line')
        assert ENTER in screen.text and all(len(line) <= screen.columns for line in screen.lines())
        # What happens is seen.
        [worker] = [worker for worker in service.status()['workers'] if worker['name'] == 'context']
        os.kill(worker['pid'], signal.SIGKILL)
        screen.wait_for(lambda lines: any(re.match(r'^  context +ready .* 1 +\S+ \S+iB', line) for line in lines))
        screen.press('q')
        assert screen.end() == 0


def test_it_fits_when_resized_and_scrolls(service):
    with Screen('top', '--dev', service.dir, '--interval', '0.2') as screen:
        screen.has('user_line')
        screen.resize(12, 50)
        screen.wait_for(lambda lines: len(lines) == 12 and all(len(line) <= 50 for line in lines) and 'q quit' in lines[-1])
        assert not any('nursery' in line for line in screen.lines())
        screen.press('G')
        screen.has('events: publisher')
        screen.press('g')
        screen.has('1 service: 1')
        screen.press('\x1b[B')
        screen.wait_for(lambda lines: not any('1 service: 1' in line for line in lines))
        screen.resize(40, 110)
        screen.has('events: publisher')
        screen.press('q')
        assert screen.end() == 0


def test_keys_that_come_at_once(service):
    with Screen('top', '--dev', service.dir, rows=12) as screen:
        screen.has('1 service: 1')
        screen.press('z\x1b[B\x1b[999;9Zg\x1b[B')
        screen.wait_for(lambda lines: not any('1 service: 1' in line for line in lines))
        screen.press('\x1b[A\x1bxq')
        assert screen.end() == 0


@pytest.mark.parametrize('term', ['dumb', ''])
def test_a_terminal_without_a_screen(service, term):
    with Screen('top', '--dev', service.dir, term=term) as screen:
        assert screen.end() == 0
        assert 'user_line' in screen.text and '\x1b' not in screen.text


@pytest.mark.parametrize('signo', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(service, signo):
    with Screen('top', '--dev', service.dir) as screen:
        screen.has('user_line')
        screen.process.send_signal(signo)
        assert screen.end() == 0


def test_stopped_and_continued(service):
    with Screen('top', '--dev', service.dir, '--interval', '0.2') as screen:
        screen.has('user_line')
        screen.press('\x1a')
        harness.wait_for(lambda: harness.proc_status(screen.process.pid).get('State', '').strip().startswith('T'))
        screen.read()
        assert screen.text.endswith(LEAVE)
        screen.process.send_signal(signal.SIGCONT)
        before = len(screen.text)
        harness.wait_for(lambda: screen.read() or ENTER in screen.text[before:])
        screen.press('q')
        assert screen.end() == 0


def test_a_service_that_goes_and_comes(make_service):
    service = make_service()
    with Screen('top', '--dev', service.dir, '--interval', '0.2') as screen:
        screen.has('user_line')
        service.stop()
        screen.has('nobody listens')
        service.start()
        screen.has('user_line')
        screen.press('q')
        assert screen.end() == 0
