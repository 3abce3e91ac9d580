# SPDX-License-Identifier: GPL-3.0-or-later
"""The container image, built from our packages and run by podman: the supervisor is the first process, nobody is root, nothing of the
root can be written to."""
import json
import os
import shutil
import socket
import subprocess
import tempfile

import pytest

from machine import TOP, get_workshop, wait_for

TOKEN, IMAGE = 'a-token-of-the-tests', 'wazo-suite-test'
# Beside confd, a service of one foreign command.
SEVERAL = '''service: wazo-container
kind: exec
description: Services of a container under test
user: wazo-confd
run: /run/wazo-container
state: /run/wazo-container/state
log: /var/log/wazo-container.log
timing: {start: 5m, term: 110s}
workers:
  control: {kind: control}
  confd: {kind: exec, command: [/usr/sbin/wazo-supervisord, wazo-confd], ready: notify}
  sleepers: {kind: exec, command: [/usr/sbin/wazo-supervisord, sleepers], ready: notify}
'''
SLEEPERS = '''service: sleepers
kind: exec
description: Sleeps
user: wazo-confd
run: /run/wazo-container/sleepers
state: /run/wazo-container/sleepers
log: /dev/stderr
workers:
  control: {kind: control}
  sleeper: {kind: exec, command: [/bin/sleep, infinity], instances: 2}
'''


class Podman:
    """With a store of its own, which goes with it."""

    def __init__(self, path):
        self.path = path
        self.options = ['--root', os.path.join(path, 'root'), '--runroot', os.path.join(path, 'run'), '--runtime', 'runc',
                        '--cgroup-manager', 'cgroupfs', '--events-backend', 'none']

    def __call__(self, *words, check=True, timeout=300):
        result = subprocess.run(['podman', *self.options, *words], capture_output=True, text=True, timeout=timeout, check=False)
        assert not check or result.returncode == 0, f'podman {" ".join(words)}: {result.stdout}{result.stderr}'
        return result

    def close(self):
        self('rm', '--all', '--force', '--time', '5', check=False)
        self('system', 'reset', '--force', check=False)
        for folder, folders, _ in os.walk(self.path):
            for name in folders:
                if os.path.ismount(os.path.join(folder, name)):
                    subprocess.run(['umount', '--lazy', os.path.join(folder, name)], check=False)
        shutil.rmtree(self.path, ignore_errors=True)


@pytest.fixture(scope='module')
def podman(release):
    for program in ('podman', 'runc'):
        if not shutil.which(program):
            pytest.skip(f'there is no {program}')
    folder = get_workshop().packages(release)[0]
    p = Podman(tempfile.mkdtemp(prefix='wazo-podman-'))
    try:
        subprocess.run([os.path.join(TOP, 'packaging/container/build'), '--release', release, '--packages',
                        os.path.dirname(os.path.dirname(folder)), '--tag', IMAGE, '--', *p.options], check=True, timeout=900)
        yield p
    finally:
        p.close()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Container:
    """Of the image, as an operator would run it who trusts nobody."""

    def __init__(self, podman, *command, manifests=None):
        self.podman, self.port = podman, free_port()
        self.folder = tempfile.mkdtemp(dir=podman.path)
        os.chmod(podman.path, 0o755)
        os.chmod(self.folder, 0o755)
        self.put('conf.d/10-test.yml', f'rest_api: {{listen: 127.0.0.1, port: {self.port}}}\nauth: {{token_file: /etc/wazo-confd/conf.d/tokens}}\n')
        self.put('conf.d/tokens', f'tenants: [{{uuid: 2f4b1c5e-0d0a-4c55-9f1e-6f2b7a9c1d10}}]\n'
                 f'tokens: [{{token: {TOKEN}, auth_id: 5d2e0c1b-8a7f-4c3d-9b6e-0123456789ab, acl: ["confd.#"]}}]\n', 0o600)
        volumes = ['--volume', f'{self.folder}/conf.d:/etc/wazo-confd/conf.d:ro', '--volume', f'{os.path.basename(self.folder)}:/run/wazo-container']
        for name, text in (manifests or {}).items():
            self.put(f'services.d/{name}.yml', text)
        if manifests:
            volumes += ['--volume', f'{self.folder}/services.d:/etc/wazo-suite/services.d:ro']
        uid = podman('run', '--rm', '--network=host', '--ulimit', 'nofile=1024:4096', '--ulimit', 'nproc=1000:1000', '--entrypoint', '/usr/bin/id',
                     IMAGE, '-u').stdout.strip()
        os.chown(f'{self.folder}/conf.d/tokens', int(uid), int(uid))
        self.id = podman('run', '--detach', '--read-only', '--cap-drop', 'all', '--security-opt', 'no-new-privileges', '--network=host',
                         '--ulimit', 'nofile=1024:4096', '--ulimit', 'nproc=1000:1000', *volumes, IMAGE, *command).stdout.strip()

    def put(self, name, text, mode=0o644):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        os.chmod(path, mode)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.podman('rm', '--force', '--time', '5', self.id, check=False)

    def sh(self, script, check=True):
        return self.podman('exec', self.id, 'sh', '-c', script, check=check).stdout

    def log(self):
        result = self.podman('logs', self.id)
        return result.stdout + result.stderr

    def curl(self, method, path, *more):
        result = subprocess.run(['curl', '-s', '-o', '/dev/null', '-w', '%{http_code}', '--max-time', '30', '-X', method, '-H', f'X-Auth-Token: {TOKEN}',
                                 *more, f'http://127.0.0.1:{self.port}/1.1{path}'], capture_output=True, text=True, check=False)
        return int(result.stdout or 0)

    def wait_serving(self):
        wait_for(lambda: self.curl('GET', '/infos') == 200, 60, self.log)

    def status_of_all(self):
        return self.sh('for p in /proc/[0-9]*; do cat $p/status 2>/dev/null; done')

    def stop(self):
        """Asks it to end: its exit code."""
        self.podman('stop', '--time', '120', self.id)
        return int(self.podman('inspect', '--format', '{{.State.ExitCode}}', self.id).stdout)


@pytest.fixture(scope='module')
def single(podman):
    with Container(podman) as c:
        c.wait_serving()
        yield c


def field(text, name):
    return {line.split(':', 1)[1].strip() for line in text.splitlines() if line.startswith(name + ':')}


def test_it_serves(single):
    assert single.sh('cat /proc/1/comm') == 'wazo-supervisor\n'
    assert 'running' in single.sh('wazo-suite status')
    body = ('-H', 'Content-Type: application/json', '--data', '{"firstname": "Ada"}')
    assert single.curl('POST', '/users', *body) == 201 and single.curl('GET', '/users') == 200


def test_nobody_is_root_and_nothing_can_be_written(single):
    status = single.status_of_all()
    uid = single.sh('id -u wazo-confd').strip()
    assert uid != '0' and field(status, 'Uid') == {'\t'.join([uid] * 4)}
    for name in ('CapEff', 'CapPrm', 'CapBnd', 'CapInh', 'CapAmb'):
        assert field(status, name) == {'0' * 16}
    assert field(status, 'NoNewPrivs') == {'1'}
    assert single.sh('touch /etc/x /usr/x /x 2>/dev/null; ls /etc/x /usr/x /x 2>/dev/null', check=False) == ''


def test_its_log_is_the_containers(single):
    single.curl('GET', '/infos')
    log = single.log()
    assert 'wazo-confd is ready' in log and 'GET http://127.0.0.1' in log


def test_strangers_are_reaped(single):
    """What a session leaves behind becomes a child of the first process."""
    single.sh('(sleep 0.2 &) ; (sleep 0.3 &)')
    wait_for(lambda: 'sleep' not in single.sh('cat /proc/[0-9]*/comm 2>/dev/null', check=False), 20)
    assert 'Z (zombie)' not in field(single.status_of_all(), 'State')


def test_it_reloads_and_ends(podman):
    with Container(podman) as c:
        c.wait_serving()
        c.put('conf.d/20-more.yml', 'enabled_plugins: {voicemail: false}\n')
        podman('kill', '--signal', 'HUP', c.id)
        wait_for(lambda: c.curl('GET', '/voicemails') == 404, 20, c.log)
        assert c.stop() == 0 and 'Stopping wazo-confd: SIGTERM' in c.log()


def test_a_wrong_configuration_is_its_exit_code(podman):
    with Container(podman) as c:
        c.wait_serving()
        c.stop()
        c.put('conf.d/20-wrong.yml', 'db_uri: [1]\n')
        podman('start', c.id)
        wait_for(lambda: podman('inspect', '--format', '{{.State.Status}}', c.id).stdout.strip() == 'exited', 30)
        assert podman('inspect', '--format', '{{.State.ExitCode}}', c.id).stdout.strip() == '78'
        assert '20-wrong.yml:1' in c.log()


# ---- several services ----


@pytest.fixture(scope='module')
def several(podman):
    with Container(podman, '--init', 'wazo-container', manifests={'wazo-container': SEVERAL, 'sleepers': SLEEPERS}) as c:
        c.wait_serving()
        yield c


def test_several_services(several):
    status = several.sh('wazo-suite --service wazo-container status')
    assert 'running: 3 of 3 workers' in status
    assert '/sbin/wazo-supervisord' in several.sh('tr "\\0" " " </proc/1/cmdline')
    assert several.sh('cat /proc/[0-9]*/comm', check=False).count('wazo-supervisor') == 3
    log = several.log()
    assert 'wazo-container is ready' in log and 'wazo-confd is ready' in log and 'sleepers is ready' in log


def call(path, method, **parameters):
    """Of the control socket, from outside."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(path)
        s.sendall(json.dumps({'method': 'io.wazo.suite.' + method, 'parameters': parameters}).encode() + b'\0')
        answer = b''
        while not answer.endswith(b'\0'):
            more = s.recv(65536)
            assert more, 'refused'
            answer += more
    return json.loads(answer[:-1])


def test_the_host_may_command_it(several):
    """To the container the caller's number means nothing, its user does."""
    mount = several.podman('volume', 'inspect', '--format', '{{.Mountpoint}}', os.path.basename(several.folder)).stdout.strip()
    path = os.path.join(mount, 'control.sock')
    assert {w['name'] for w in call(path, 'Status')['parameters']['workers']} == {'control', 'confd', 'sleepers'}
    assert 'error' not in call(path, 'LogLevel', level='debug')


def test_one_dies_the_others_do_not_notice(several):
    workers = json.loads(several.sh('wazo-suite --json --service wazo-container status'))['workers']
    pid, = (w['pid'] for w in workers if w['name'] == 'sleepers')
    several.sh(f'kill -9 {pid}')
    wait_for(lambda: several.log().count('sleepers is ready') == 2, 30, several.log)
    assert several.curl('GET', '/infos') == 200 and several.log().count('wazo-confd is ready') == 1


def test_several_end(several):
    assert several.stop() == 0
    log = several.log()
    assert 'Stopping wazo-confd: SIGTERM' in log and 'Stopping sleepers: SIGTERM' in log
