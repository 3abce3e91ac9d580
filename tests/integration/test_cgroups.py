# SPDX-License-Identifier: GPL-3.0-or-later
"""A cgroup for each process, where one is delegated to the supervisor; what a hierarchy without controllers can show."""
import contextlib
import os
import signal
import tempfile
import time

import pytest

from harness import NOBODY, PATIENT, ROOT, Service, alive, children, manifest, proc, wait_for

WORKERS = '  sleeper: {kind: exec, command: [/bin/sleep, infinity], limits: {processes: 30, memory: {max: 64M}}}'


def own_cgroup():
    """Our own in the v2 hierarchy, as a folder; None: there is no such hierarchy that we may write to."""
    with open('/proc/self/mounts', encoding='utf-8') as file:
        mounts = [line.split()[1] for line in file if line.split()[2] == 'cgroup2']
    with open('/proc/self/cgroup', encoding='utf-8') as file:
        path = next((line[3:].strip() for line in file if line.startswith('0::')), None)
    found = f'{mounts[0]}{path}'.rstrip('/') if mounts and path else None
    return found if found and os.access(found, os.W_OK) else None


OWN = own_cgroup() if ROOT else None
pytestmark = pytest.mark.skipif(not OWN, reason='needs root and a cgroup v2 hierarchy that can be written to')


def words(path):
    with open(path, encoding='utf-8') as file:
        return file.read().split()


def controllers():
    return set(words(f'{OWN}/cgroup.subtree_control')) if os.path.exists(f'{OWN}/cgroup.subtree_control') else set()


@contextlib.contextmanager
def unit(owner=0, delegate=True):
    """A cgroup as systemd makes it for a unit; empty again at the end, and gone."""
    path = tempfile.mkdtemp(dir=OWN, prefix='wazo-suite-test-')
    if delegate:
        os.setxattr(path, 'user.delegate', b'1')
    if owner:
        for name in ('', 'cgroup.procs', 'cgroup.threads', 'cgroup.subtree_control'):
            os.chown(os.path.join(path, name), owner, owner)
    try:
        yield path
    finally:
        for folder, _, _ in os.walk(path, topdown=False):
            wait_for(lambda: gone(folder), 5, f'{folder} is in use')


def gone(folder):
    try:
        os.rmdir(folder)
    except OSError:
        return False
    return True


def start(path, **more):
    """A service in that cgroup: whoever becomes its supervisor joins it before."""
    joined = os.open(f'{path}/cgroup.procs', os.O_WRONLY)
    s = Service(manifest=manifest(PATIENT, workers=WORKERS), plugins=['crashdummy'], popen={'preexec_fn': lambda: os.write(joined, b'0')},
                **more)
    try:
        return s.start()
    finally:
        os.close(joined)


def cgroup_of(pid):
    lines = proc(pid, 'cgroup').decode().splitlines()
    return next((line[3:] for line in lines if line.startswith('0::')), '')


@pytest.mark.parametrize('as_root', [True, False])
def test_each_in_its_own(as_root):
    """Started as root, which drops, and as the user that systemd gave the cgroup to."""
    with unit(owner=0 if as_root else NOBODY) as path:
        s = start(path, as_root=as_root)
        try:
            name = os.path.basename(path)
            assert cgroup_of(s.pid).endswith(f'{name}/suite/supervisor')
            assert words(f'{path}/cgroup.procs') == []
            pids = s.pids()
            homes = {worker: cgroup_of(pid) for worker, pid in pids.items()}
            assert len(set(homes.values())) == len(pids), homes
            for worker in ('gateway', 'control', 'nursery', 'info', 'sleeper'):
                assert f'{name}/suite/{worker}.' in homes[worker] or '/suite/spare.' in homes[worker], homes
            # Another process, another cgroup; the old one is removed.
            for worker in ('info', 'gateway', 'sleeper', 'crashdummy'):
                pid = s.kill(worker)
                new = s.wait_state(worker, 'ready', not_pid=pid)['pid']
                assert cgroup_of(new) not in homes.values() and '/suite/' in cgroup_of(new)
                old = os.path.join(path, 'suite', os.path.basename(homes[worker]))
                wait_for(lambda: not os.path.exists(old), 3, f'{old} is left')
            # Started by the nursery in advance: its cgroup is there before its name.
            spare = wait_for(lambda: next((p for p in children(s.pid) if proc(p, 'cmdline').startswith(b'wazo-confd: spare')), None), 5)
            assert '/suite/spare.' in cgroup_of(spare)
            hardening = next(w['hardening'] for w in s.status()['workers'] if w['name'] == 'info')
            if {'memory', 'pids'} <= controllers():
                assert 'cgroup with memory, pids' in hardening
            else:
                # Whatever the hierarchy has not is said, and setrlimit does it.
                assert '; cgroup' in hardening
                assert 'memory' in controllers() or 'memory by setrlimit' in hardening
                assert b'Max data size             67108864' in proc(s.worker_pid('sleeper'), 'limits')
            s.stop()
        finally:
            s.end_hard()
        assert [entry.name for entry in os.scandir(f'{path}/suite') if entry.is_dir()] == ['supervisor']


def test_what_a_worker_leaves_ends_with_it():
    """Out of its session and its parents: the cgroup still has it."""
    with unit() as path:
        s = start(path, as_root=True)
        try:
            assert s.get('/crashdummy/orphans?n=3').status == 200
            pid = s.worker_pid('crashdummy')
            home = os.path.join(path, 'suite', os.path.basename(cgroup_of(pid)))
            members = [int(word) for word in words(f'{home}/cgroup.procs')]
            assert len(members) > 1
            os.kill(pid, signal.SIGKILL)
            begin = time.monotonic()
            wait_for(lambda: not any(alive(member) for member in members))
            # They end by themselves after a minute.
            assert time.monotonic() - begin < 50

            def swept():
                """At the latest when somebody else dies."""
                pid = s.worker_pid('info')
                if pid:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                return not os.path.exists(home)
            wait_for(swept, every=0.3)
            s.stop()
        finally:
            s.end_hard()


def test_not_delegated():
    """As root it could write to any cgroup: without systemd's mark it touches none."""
    with unit(delegate=False) as path:
        s = start(path, as_root=True)
        try:
            assert not os.path.exists(f'{path}/suite')
            assert cgroup_of(s.worker_pid('info')) == cgroup_of(s.pid)
            assert 'limits by setrlimit: our cgroup is not delegated to us' in s.worker('info')['hardening']
            s.stop()
        finally:
            s.end_hard()


@pytest.mark.skipif('memory' not in controllers(), reason='the memory controller is not in the v2 hierarchy here')
def test_out_of_memory():
    """A limit of its own: killed by the kernel, and told as that."""
    with unit() as path:
        s = start(path, as_root=True, config='workers: {crashdummy: {memory: {high: 24M, max: 32M}}}\n')
        try:
            pid = s.worker_pid('crashdummy')
            home = os.path.join(path, 'suite', os.path.basename(cgroup_of(pid)))
            assert words(f'{home}/memory.max') == [str(32 << 20)] and words(f'{home}/memory.high') == [str(24 << 20)]
            assert s.get('/crashdummy/leak?n=200').status == 503
            record = wait_for(lambda: next((r for r in s.crash_records('crashdummy') if r['pid'] == pid), None), 10)
            assert record['cause'] == 'oom'
            assert s.get('/infos').status == 200
            s.stop()
        finally:
            s.end_hard()
