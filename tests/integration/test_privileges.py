# SPDX-License-Identifier: GPL-3.0-or-later
"""Started as root: nothing of root is kept. And as PID 1, or beside strangers' orphans."""
import grp
import os
import pwd
import signal
import stat
import subprocess
import time

import pytest

from harness import NOBODY, PATIENT, ROOT, SANITIZERS, SLOW, Service, alive, children, clean_environment, manifest, proc, proc_status, run_as, wait_for

pytestmark = pytest.mark.skipif(not ROOT, reason='only root has privileges to drop')


@pytest.fixture(scope='module')
def service():
    workers = '  sleeper: {kind: exec, command: [/bin/sleep, infinity]}'
    with Service(as_root=True, plugins=['crashdummy'], manifest=manifest(PATIENT, workers=workers)) as s:
        yield s


def everybody(s):
    return s.processes() | {s.pid}


def test_it_was_started_as_root(service):
    """Else the rest would prove nothing."""
    assert service.as_root and 'nobody' in service.words()


def test_nobody_is_root(service):
    user = pwd.getpwnam('nobody')
    groups = {g.gr_gid for g in grp.getgrall() if 'nobody' in g.gr_mem} | {user.pw_gid}
    pids = everybody(service)
    assert len(pids) >= 17
    for pid in pids:
        status, name = proc_status(pid), proc(pid, 'cmdline')
        assert status['Uid'].split() == [str(user.pw_uid)] * 4, name
        assert status['Gid'].split() == [str(user.pw_gid)] * 4, name
        assert {int(g) for g in status['Groups'].split()} <= groups, name


def test_no_capability_is_left(service):
    for pid in everybody(service):
        status, name = proc_status(pid), proc(pid, 'cmdline')
        for key in ('CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'):
            assert int(status[key], 16) == 0, (name, key, status[key])
        assert status['NoNewPrivs'].strip() == '1', name


def test_nor_after_a_restart(service):
    for name in ('info', 'gateway', 'control', 'nursery', 'sleeper'):
        pid = service.kill(name)
        new = service.wait_state(name, 'ready', not_pid=pid)['pid']
        status = proc_status(new)
        assert status['Uid'].split()[1] == str(NOBODY) and int(status['CapBnd'], 16) == 0 and status['NoNewPrivs'].strip() == '1'
    assert service.get('/infos').status == 200


def test_no_worker_holds_what_is_not_its(service):
    """No descriptor of a folder or a file of root's, no listening socket but the gateway's."""
    pids = service.pids()
    for name, pid in pids.items():
        for fd in os.listdir(f'/proc/{pid}/fd'):
            try:
                target = os.readlink(f'/proc/{pid}/fd/{fd}')
            except FileNotFoundError:
                continue
            kinds = ('/dev/null', 'socket:', 'pipe:', 'anon_inode:', '/memfd:', service.dir)
            assert target.startswith(kinds), (name, fd, target)


def test_status_tells_the_hardening(service):
    workers = {w['name']: w for w in service.status()['workers']}
    assert 'no_new_privs yes' in workers['info']['hardening'] and 'capabilities none' in workers['info']['hardening']
    assert ('no sandbox: a build with sanitizers' if SANITIZERS else 'seccomp filter') in workers['info']['hardening']
    assert 'no sandbox: a foreign command' in workers['sleeper']['hardening']
    assert 'HARDENING' in service.suite('status').stdout


def test_files_are_the_users_and_not_the_worlds(service):
    def mode(name):
        info = os.stat(service.path(name))
        assert info.st_uid == NOBODY, name
        return stat.S_IMODE(info.st_mode)
    assert mode('log/wazo-confd.log') == 0o640
    assert mode('token') == 0o600
    assert mode('state/tokens.yml') & 0o077 == 0
    assert mode('state') & 0o007 == mode('run') & 0o007 == mode('log') & 0o007 == mode('state/db') & 0o007 == 0
    assert mode('state/db/confd.sqlite') & 0o007 == 0
    assert mode('run/control.sock') & 0o007 == 0
    assert stat.S_ISSOCK(os.stat(service.path('run/control.sock')).st_mode)
    pid = service.kill('crashdummy')
    service.wait_state('crashdummy', 'ready', not_pid=pid)
    wait_for(lambda: service.crash_records('crashdummy'), 5)
    assert mode('state/crashes') & 0o007 == 0


def test_without_a_user_it_refuses():
    text = manifest().replace('user: nobody\n', '')
    s = Service(manifest=text, as_root=True)
    os.chown(s.dir, 0, 0)
    line = [word for word in s.words() if word not in ('--user', 'nobody')]
    done = subprocess.run(line, env=clean_environment(), capture_output=True, text=True, timeout=20 * SLOW)
    assert done.returncode == 78 and 'root' in done.stderr and '--user' in done.stderr, done
    assert not os.path.exists(s.path('run/control.sock'))


@pytest.mark.parametrize('user, words', [('no-such-user-here', 'no user'), ('root', 'is root')])
def test_users_that_cannot_be(user, words):
    s = Service(as_root=True)
    line = [user if word == 'nobody' else word for word in s.words()]
    done = subprocess.run(line, env=clean_environment(), capture_output=True, text=True, timeout=20 * SLOW)
    assert done.returncode == 78 and words in done.stderr and user in done.stderr, done


def test_the_port_of_root_is_opened_first(make_service):
    """A port below 1024, which the user could not open."""
    port = next((p for p in range(700, 800) if _free(p)), None)
    s = make_service(as_root=True, port=port)
    assert s.get('/infos').status == 200
    assert proc_status(s.pid)['Uid'].split()[0] == str(NOBODY)


def _free(port):
    import socket
    with socket.socket() as s:
        try:
            s.bind(('127.0.0.1', port))
            return True
        except OSError:
            return False


def test_reload_as_the_user(make_service):
    """The configuration child runs as the user, too; what only root could open is refused whole."""
    s = make_service(as_root=True)
    pids = s.pids()
    s.config('rest_api: {listen: 127.0.0.1, port: 81}\n')
    s.args = []
    # --port goes before the configuration: what is changed here is the address.
    s.config('rest_api: {listen: 192.0.2.1}\n')
    done = s.suite('reload')
    assert done.returncode == 1 and '192.0.2.1' in done.stdout + done.stderr, done
    assert s.pids() == pids and s.get('/infos').status == 200


# ---- who may ask ----


def test_control_answers_by_uid(service):
    # Root: all. The service's own user, with --dev: all, as he runs it. Anybody else does not get in.
    assert service.suite('status', user=None).returncode == 0
    assert service.suite('log-level', 'info', user=None).returncode == 0
    assert service.suite('status', user=NOBODY).returncode == 0
    other = service.suite('status', user=12345)
    assert other.returncode != 0 and 'WORKER' not in other.stdout


# ---- PID 1 and subreaper ----


def test_as_pid_1():
    """In a PID namespace of its own it is the init: the service runs, and strangers' orphans are reaped."""
    s = Service(as_root=True, plugins=['crashdummy'], manifest=manifest(PATIENT), notify=False)
    s.command = ['/usr/bin/unshare', '--pid', '--fork', '--mount-proc', '--kill-child']
    probe = subprocess.run(s.command + ['/bin/true'], capture_output=True)
    if probe.returncode:
        pytest.skip('no PID namespaces here')
    s.launch()
    try:
        init = wait_for(lambda: next(iter(children(s.pid)), None), 5)
        # Only who is in the same namespace is known to control.
        s.enter = enter = ['/usr/bin/nsenter', '--target', str(init), '--pid', '--']
        assert s.suite('status', '--wait', str(20 * SLOW)).returncode == 0, s.stderr() + s.log()
        assert proc_status(init)['NSpid'].split()[-1] == '1'
        assert s.get('/infos').status == 200
        # Its workers are its own children, born by the nursery or not.
        mine = children(init)
        assert len(mine) >= 15
        status = {w['name']: w for w in s.status()['workers']}
        assert all(w['state'] in ('ready', 'done') for w in status.values()), status
        # A worker killed is started again, whatever its pid is called in there.
        victim = next(p for p in mine if proc_status(p).get('NSpid', '0').split()[-1] == str(status['info']['pid']))
        os.kill(victim, signal.SIGKILL)
        wait_for(lambda: s.worker('info')['restarts'] == 1 and s.worker('info')['state'] == 'ready', 5)
        # A stranger who comes in, leaves orphans and goes.
        for _ in range(3):
            subprocess.run(enter + ['/bin/sh', '-c', '(sleep 0.1; exit 3) & (sleep 0.2) & exit 0'], check=True)
        time.sleep(0.4)
        wait_for(lambda: not any('Z' in proc_status(p).get('State', '') for p in children(init)), 3, 'zombies are left')
        assert s.get('/infos').status == 200
        # Stopped as any init is: SIGTERM, from outside.
        os.kill(init, signal.SIGTERM)
        assert s.wait() == 0
        s.check_gone(mine)
    finally:
        s.end_hard()


def test_orphans_of_workers_are_reaped(service):
    """As the subreaper: what a worker's child leaves comes to it, not to the host's init."""
    assert service.get('/crashdummy/orphans?n=3').status == 200
    pid = service.worker_pid('crashdummy')
    orphans = wait_for(lambda: len(children(pid)) == 3 and children(pid), 2)
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not any(proc(orphan, 'stat') for orphan in orphans), message='not reaped')
    assert not any('Z' in proc_status(p).get('State', '') for p in children(service.pid))
