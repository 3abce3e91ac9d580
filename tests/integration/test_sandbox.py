# SPDX-License-Identifier: GPL-3.0-or-later
"""Attempts to break out of a worker: what its sandbox refuses, how it is told, and what this kernel cannot refuse."""
import ctypes
import errno
import os
import re
import signal
import socket
import stat
import time

import pytest

from harness import PATIENT, ROOT, SANITIZERS, SLOW, Service, alive, check_config, children, manifest, proc, wait_for

LANDLOCK_CREATE_RULESET = 444
NEVER_A_CALL = 1023

ABI = max(0, ctypes.CDLL(None).syscall(LANDLOCK_CREATE_RULESET, None, 0, 1))
landlock = pytest.mark.skipif(ABI < 1, reason='this kernel has no Landlock')
pytestmark = pytest.mark.skipif(SANITIZERS, reason='a build with sanitizers has no sandbox, and says so: see test_privileges.py')

PLUGINS = ['breakout', 'neighbour']


def config(s, more='', sandbox=''):
    """What breakout's settings name, and its needs with them."""
    text = f'''{sandbox}
plugins:
  breakout: {{directory: "{s.path('granted')}", file: "{s.path('etc/secret')}", program: /usr/bin/true, port: {s.allowed_port}}}
{more}
'''
    s.config(text)


def prepare(s):
    os.makedirs(s.path('granted'))
    os.makedirs(s.path('others'))
    s.write('etc/secret', 'for breakout only')
    s.write('others/file', 'of another plugin')
    s.listener, s.other_listener = socket.create_server(('127.0.0.1', 0)), socket.create_server(('127.0.0.1', 0))
    s.allowed_port, s.other_port = s.listener.getsockname()[1], s.other_listener.getsockname()[1]


@pytest.fixture(scope='module')
def service():
    with_sandbox = Service(plugins=PLUGINS, manifest=manifest(PATIENT))
    prepare(with_sandbox)
    config(with_sandbox)
    with with_sandbox as s:
        yield s


def attempt(s, what, plugin='breakout', **query):
    """Its errno; None when the worker died of it."""
    words = '&'.join(f'{key}={value}' for key, value in query.items())
    answer = s.get(f'/{plugin}/{what}?{words}')
    assert answer.status in (200, 503), answer
    return answer.json['errno'] if answer.status == 200 else None


def dies(s, what, call, plugin='breakout', **query):
    """The worker dies of the attempt, as cause sandbox, and the record names the call."""
    before = len(s.crash_records(plugin))
    pid = s.worker_pid(plugin)
    assert attempt(s, what, plugin, **query) is None
    s.wait_state(plugin, 'ready', not_pid=pid)
    record = wait_for(lambda: len(s.crash_records(plugin)) > min(before, 9) and newest(s, plugin, pid), 5)
    assert record['cause'] == 'sandbox' and record['signal']['name'] == 'SIGSYS', record
    assert call in record['reason'], record
    assert any(f'the sandbox refuses the system call {call}' in line for line in record['log']), record
    assert f'did what its sandbox forbids: {call}' in s.log()
    why = s.suite('why', plugin)
    assert why.returncode == 0 and 'sandbox' in why.stdout and call in why.stdout


def newest(s, plugin, pid):
    return next((record for record in s.crash_records(plugin) if record['pid'] == pid), None)


# ---- files ----


@landlock
@pytest.mark.parametrize('path', ['/etc/passwd', '/etc/shadow', '/', '/proc/self/maps', '/tmp', '/usr/bin/id'])
def test_files_of_the_system(service, path):
    assert attempt(service, 'read', path=path) == errno.EACCES
    assert attempt(service, 'read', 'neighbour', path=path) == errno.EACCES


@landlock
def test_files_of_the_service(service):
    """Configuration, token, log and crash records are nothing to a plugin; the database is everybody's."""
    for name in ('etc/config.yml', 'token', 'state/tokens.yml', 'log/wazo-confd.log', 'state/crashes', 'run', 'state'):
        assert attempt(service, 'read', path=service.path(name)) == errno.EACCES, name
        if os.path.isfile(service.path(name)):
            assert attempt(service, 'write', path=service.path(name)) == errno.EACCES, name
    assert attempt(service, 'read', path=service.path('state/db')) == 0


@landlock
def test_one_may_and_its_neighbour_may_not(service):
    assert attempt(service, 'write', path=service.path('granted/new')) == 0
    assert os.path.exists(service.path('granted/new'))
    assert attempt(service, 'read', path=service.path('granted/new')) == 0
    assert attempt(service, 'read', path=service.path('etc/secret')) == 0
    assert attempt(service, 'write', path=service.path('etc/secret')) == errno.EACCES
    for what in ('read', 'write', 'remove'):
        assert attempt(service, what, 'neighbour', path=service.path('granted/new')) == errno.EACCES
    assert attempt(service, 'read', 'neighbour', path=service.path('etc/secret')) == errno.EACCES
    assert attempt(service, 'remove', path=service.path('granted/new')) == 0


@landlock
def test_another_plugins_files(service):
    file = service.path('others/file')
    for what in ('read', 'write', 'remove'):
        assert attempt(service, what, path=file) == errno.EACCES
    # By name, and of the same user: Landlock does not know these.
    for what in ('chmod', 'truncate'):
        assert attempt(service, what, path=file) == errno.EPERM
    assert service.read('others/file') == 'of another plugin'
    assert attempt(service, 'write', path=service.path('others/new')) == errno.EACCES
    assert attempt(service, 'write', path='/tmp/wazo-suite-breakout') == errno.EACCES


def test_special_files(service):
    dies(service, 'mknod', 'mknod', path=service.path('granted/fifo'))


# ---- connections ----


def test_connect(service):
    """To the port that its needs name, and to no other; who names none has no socket."""
    assert attempt(service, 'connect', n=service.allowed_port) == 0
    if ABI >= 4:
        assert attempt(service, 'connect', n=service.other_port) == errno.EACCES
        assert attempt(service, 'connect', n=service.port) == errno.EACCES
    else:
        # It cannot be refused, and status says so.
        assert attempt(service, 'connect', n=service.other_port) == 0
        assert 'cannot refuse TCP ports' in hardening(service, 'breakout')
    dies(service, 'connect', 'socket', 'neighbour', n=service.allowed_port)


def test_sockets(service):
    for family in (socket.AF_INET, socket.AF_UNIX, socket.AF_NETLINK, socket.AF_PACKET):
        dies(service, 'socket', 'socket', n=int(family))


def test_the_control_socket(service):
    """With --dev its owner may command: a worker of his is not let near it."""
    dies(service, 'connect-unix', 'socket', path=service.path('run/control.sock'))


# ---- other processes ----


def test_execute(service):
    """What its needs name, and nothing else; who names nothing does not execute."""
    assert attempt(service, 'run', path='/usr/bin/true') == 0
    if ABI >= 1:
        assert attempt(service, 'run', path='/bin/sh') == errno.EACCES
        assert attempt(service, 'exec', path='/bin/sh') == errno.EACCES
    dies(service, 'exec', 'execve', 'neighbour', path='/usr/bin/true')
    assert attempt(service, 'fork') == 0
    dies(service, 'fork', 'clone', 'neighbour')


def test_trace(service):
    for name in ('gateway', 'control', 'neighbour'):
        pid = service.worker_pid(name)
        dies(service, 'ptrace', 'ptrace', pid=pid)
        dies(service, 'memory', 'process_vm_readv', pid=pid)
        assert service.worker_pid(name) == pid
        if ABI >= 1:
            assert attempt(service, 'read', path=f'/proc/{pid}/mem') in (errno.EACCES, errno.EPERM)


def test_signals(service):
    """To nobody, by no way: not the supervisor, nor another worker, nor whoever has the same user."""
    gateway = service.worker_pid('gateway')
    for pid in (service.pid, gateway):
        dies(service, 'kill', 'kill', pid=pid, n=int(signal.SIGKILL))
        dies(service, 'kill', 'kill', pid=pid, n=0)
        assert attempt(service, 'pidfd', pid=pid, n=int(signal.SIGKILL)) == errno.ENOSYS
        dies(service, 'owner', 'fcntl', pid=pid, n=int(signal.SIGKILL))
        dies(service, 'prlimit', 'prlimit64', pid=pid)
    dies(service, 'kill', 'kill', pid=-1, n=int(signal.SIGKILL))
    assert alive(service.pid) and alive(gateway) and service.worker_pid('gateway') == gateway


def test_to_itself(service):
    pid = service.worker_pid('neighbour')
    assert attempt(service, 'kill', 'neighbour', pid=pid, n=0) == 0
    assert attempt(service, 'kill', 'neighbour', pid=pid, n=int(signal.SIGKILL)) is None
    service.wait_state('neighbour', 'ready', not_pid=pid)


# ---- the system ----


@pytest.mark.parametrize('what, call', [('mount', 'mount'), ('unshare', 'unshare'), ('setuid', 'setuid')])
def test_the_system(service, what, call):
    dies(service, what, call)


def test_what_is_merely_tried(service):
    """Libraries try these and fall back: no reason to die."""
    pid = service.worker_pid('breakout')
    assert attempt(service, 'io_uring') == errno.ENOSYS
    assert attempt(service, 'syscall', n=NEVER_A_CALL) == errno.ENOSYS
    # Who tells of violations is not silenced.
    assert attempt(service, 'ignore') == errno.EPERM
    assert service.worker_pid('breakout') == pid


# ---- told ----


def hardening(s, name):
    return next(w['hardening'] for w in s.status()['workers'] if w['name'] == name)


def test_status(service):
    """Of each worker, as the kernel tells it."""
    for name in ('breakout', 'neighbour', 'info', 'gateway', 'control', 'migrate'):
        text = hardening(service, name)
        assert 'no_new_privs yes' in text and 'seccomp filter' in text and 'capabilities none' in text, (name, text)
        assert (f'landlock {ABI}' if ABI else 'cannot refuse files') in text, (name, text)
        assert ('truncation' in text) == (ABI in (1, 2)), (name, text)
    assert ('TCP ports' in hardening(service, 'breakout')) == (ABI < 4)
    for name in ('neighbour', 'gateway', 'control'):
        assert 'cannot refuse' not in hardening(service, name) or ABI < 3
    assert 'HARDENING' in service.suite('status').stdout


def test_the_kernel_has_it(service):
    for name, pid in service.pids().items():
        with open(f'/proc/{pid}/status', encoding='ascii') as file:
            status = file.read()
        assert re.search(r'^NoNewPrivs:\t1$', status, re.M), name
        if name != 'nursery':
            assert re.search(r'^Seccomp:\t2$', status, re.M), name


def spares(s):
    return [pid for pid in children(s.pid) if proc(pid, 'cmdline').startswith(b'wazo-confd: spare')]


def test_the_spare(service):
    """It has the sandbox that most have before it becomes a worker; who needs another one is forked for himself."""
    spare = wait_for(lambda: spares(service), 5)[0]
    wait_for(lambda: 'Seccomp:\t2\n' in proc(spare, 'status').decode(), 3)
    pid = service.kill('breakout')
    assert service.wait_state('breakout', 'ready', not_pid=pid)['pid'] != spare
    assert attempt(service, 'write', path=service.path('granted/again')) == 0
    assert spares(service) == [spare]
    pid = service.kill('info')
    assert service.wait_state('info', 'ready', not_pid=pid)['pid'] == spare
    assert service.get('/infos').status == 200


def test_the_rest_goes_on(service):
    """After all this."""
    assert service.get('/infos').status == 200
    assert service.worker('gateway')['restarts'] == 0 and service.worker('control')['restarts'] == 0


# ---- modes ----


def test_log(make_service):
    """To learn: nothing is refused; the kernel's log has what would have been."""
    s = make_service(plugins=PLUGINS, manifest=manifest(PATIENT), start=False)
    prepare(s)
    config(s, more='workers: {breakout: {sandbox: log}}')
    s.start()
    pid = s.worker_pid('breakout')
    assert attempt(s, 'socket', n=int(socket.AF_UNIX)) == 0
    assert attempt(s, 'connect', n=s.other_port) == 0
    assert attempt(s, 'read', path='/etc/passwd') == 0
    assert attempt(s, 'kill', pid=s.pid, n=0) == 0
    assert s.worker_pid('breakout') == pid
    assert 'sandbox log' in hardening(s, 'breakout')
    # One by one: its neighbour is as before.
    assert attempt(s, 'read', 'neighbour', path='/etc/passwd') == (errno.EACCES if ABI else 0)
    assert 'sandbox log' not in hardening(s, 'neighbour')
    if ROOT and os.path.exists('/dev/kmsg'):
        # It tells no more than some lines in five seconds, and the tests before this one had it tell many.
        wait_for(lambda: attempt(s, 'socket', n=int(socket.AF_UNIX)) == 0 and f'pid={pid} ' in kernel_log(), 30, 'the kernel told nothing', every=1)


def kernel_log():
    text = b''
    try:
        fd = os.open('/dev/kmsg', os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        pytest.skip('the kernel log is not ours to read')
    try:
        while True:
            try:
                text += os.read(fd, 8192)
            except BlockingIOError:
                return text.decode(errors='replace')
            except BrokenPipeError:
                continue
    finally:
        os.close(fd)


def test_off_and_on_by_reload(make_service):
    s = make_service(plugins=PLUGINS, manifest=manifest(PATIENT), start=False)
    prepare(s)
    config(s, sandbox='sandbox: off')
    s.start()
    assert attempt(s, 'read', 'neighbour', path='/etc/passwd') == 0
    assert 'no sandbox: configured so' in hardening(s, 'neighbour')
    pid = s.worker_pid('neighbour')
    config(s)
    assert s.suite('reload').returncode == 0
    s.wait_state('neighbour', 'ready', not_pid=pid)
    assert wait_for(lambda: 'seccomp filter' in hardening(s, 'neighbour'), 3)
    # The spare was made for those without: it is replaced.
    wait_for(lambda: spares(s) and 'Seccomp:\t2\n' in proc(spares(s)[0], 'status').decode(), 5)
    assert attempt(s, 'read', 'neighbour', path='/etc/passwd') == (errno.EACCES if ABI else 0)


def test_a_need_that_cannot_be_met(make_service):
    """A setting that names no path is said, and grants nothing."""
    s = make_service(plugins=PLUGINS, manifest=manifest(PATIENT), start=False)
    prepare(s)
    s.config('plugins: {breakout: {directory: "../.."}}\n')
    s.start()
    done = check_config(s)
    assert 'its need "{directory}" is not granted' in done.stdout + done.stderr
    assert attempt(s, 'write', path=s.path('others/new')) == (errno.EACCES if ABI else 0)


def test_a_plugin_is_described_in_a_sandbox(make_service):
    """Who does what it must not while it is loaded is never run, and the others are not harmed."""
    s = make_service(manifest=manifest(PATIENT), start=False)
    s.add_plugin('variant-loading', as_name='variant')
    s.start()
    done = check_config(s)
    assert 'plugin variant does not run: it cannot be described: it died of Bad system call' in done.stdout + done.stderr
    assert s.get('/infos').status == 200
    assert s.get('/variant').status in (404, 503)
    # The operator may trust it.
    s.config('sandbox: off\n')
    assert s.suite('reload').returncode == 0
    s.wait_state('variant', 'ready')
    assert s.get('/variant').status == 200
