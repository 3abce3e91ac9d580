# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign commands supervised: one, 200 and 1,000 of them, by us, by a bare loop, and by who else is installed."""
import contextlib
import os
import resource
import select
import shutil
import signal
import struct
import subprocess
import time

from figures import median
from rivals import RIVALS
from service import (TOOLS, Service, children_of, cpu_ms, memory_of, new_directory, now_ms, pss_of, switches_of)

SECTION = 'supervision of {:,} commands'
# Who ran for less is made to wait by several of them.
SETTLED_SECONDS = 1.2
ROUNDS = {1: 5, 200: 3, 1000: 1}
START_SECONDS = 30
IDLE_SECONDS = 10
IDLE_WORKERS = 200
CHILD = os.path.join(TOOLS, 'bench-child')
DYNAMIC_CHILD = CHILD + '-dynamic'


class Fifo:
    """Where bench-child says that it runs. Its own time stamp counts: it does not matter when we get to read it."""
    RECORD = struct.Struct('qq')

    def __init__(self, directory):
        self.directory = directory
        self.path = os.path.join(directory, 'fifo')
        os.mkfifo(self.path)
        os.chmod(self.path, 0o666)
        self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        self.data = b''

    def read(self, n, seconds=START_SECONDS):
        """The next n records, as (pid, milliseconds)."""
        until = time.monotonic() + seconds
        records = []
        while len(records) < n:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise RuntimeError(f'{len(records)} of {n} children ran within {seconds} s')
            self.data += os.read(self.fd, 65536)
            whole = len(self.data) // self.RECORD.size * self.RECORD.size
            for pid, nsec in self.RECORD.iter_unpack(self.data[:whole]):
                records.append((pid, nsec / 1e6))
            self.data = self.data[whole:]
        return records

    def remove(self):
        os.close(self.fd)
        shutil.rmtree(self.directory, ignore_errors=True)


class Supervisor:
    """One that keeps n bench-childs. Whoever is measured says how it is begun and ended."""
    name = ''
    counts = (1, 200, 1000)
    most_kills = 20

    def __init__(self, fifo):
        self.fifo = fifo
        self.children = set()

    def begin(self, n):
        raise NotImplementedError

    def end(self):
        """Asks it to end, and waits for it."""
        raise NotImplementedError

    def processes(self):
        """Its own processes, without the children."""
        raise NotImplementedError

    def start(self, n):
        begin = now_ms()
        self.begin(n)
        records = self.fifo.read(n)
        self.children = {pid for pid, _ in records}
        return max(at for _, at in records) - begin

    def kill(self, pids):
        """Until as many run again."""
        begin = now_ms()
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        records = self.fifo.read(len(pids))
        self.children = (self.children - set(pids)) | {pid for pid, _ in records}
        return max(at for _, at in records) - begin

    def kill_one(self):
        return self.kill([next(iter(self.children))])

    def stop(self):
        """Until the last child is gone."""
        fds = [os.pidfd_open(pid) for pid in self.children]
        begin = now_ms()
        try:
            self.end()
            for fd in fds:
                if not select.select([fd], [], [], 60)[0]:
                    raise RuntimeError(f'{self.name} left a child behind')
            return now_ms() - begin
        finally:
            for fd in fds:
                os.close(fd)
            self.children = set()

    def memory(self):
        return sum(pss_of(pid) for pid in self.processes())


class Wazo(Supervisor):
    name = 'wazo'

    def begin(self, n):
        path = new_directory()
        os.makedirs(os.path.join(path, 'etc/services.d'))
        with open(os.path.join(path, 'etc/services.d/bench.yml'), 'w', encoding='ascii') as f:
            f.write(f'service: bench\nkind: exec\ndescription: Commands that sleep\nuser: nobody\n'
                    f'state: /var/lib/bench\nrun: /run/bench\nlog: /var/log/bench.log\n'
                    f'workers:\n  sleeper:\n    kind: exec\n    instances: {n}\n'
                    f'    command: [{CHILD}, {self.fifo.path}]\n    timing: {{healthy: 1s}}\n')
        self.service = Service(path, 'bench')
        self.ready_ms = self.service.start()

    def end(self):
        self.service.remove()

    def processes(self):
        return [self.service.pid]


class BareLoop(Supervisor):
    name = 'bare loop'
    child = CHILD

    def begin(self, n):
        self.loop = subprocess.Popen([os.path.join(TOOLS, 'bench-bare-loop'), str(n), self.child, self.fifo.path])

    def end(self):
        self.loop.terminate()
        self.loop.wait(60)

    def processes(self):
        return [self.loop.pid]


def one_life(supervisor, n):
    """All figures of one supervisor with n children, from its start to its end."""
    found = {}
    try:
        found['start'] = supervisor.start(n)
        time.sleep(SETTLED_SECONDS)
        # None of them twice: a second failure in a row has to wait.
        victims = list(supervisor.children)[:supervisor.most_kills]
        found['kill one'] = median([supervisor.kill([pid]) for pid in victims])
        if n > 1:
            time.sleep(SETTLED_SECONDS)
            found['kill all'] = supervisor.kill(list(supervisor.children))
            time.sleep(SETTLED_SECONDS)
        found['memory'] = supervisor.memory()
        found['stop all'] = supervisor.stop()
    except BaseException:
        with contextlib.suppress(Exception):
            supervisor.end()
        raise
    return found


TARGETS = {(1, 'kill one'): 1.3, (200, 'start'): 1.3, (200, 'kill one'): 1.3}
WORDS = {'start': 'start of all', 'kill one': 'kill of one to running again', 'kill all': 'kill of all to all running',
         'stop all': 'stop of all'}


def measure(figures):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    fifo = Fifo(new_directory())
    try:
        memory = {}
        supervisors = [BareLoop, Wazo] + [rival(Supervisor) for rival in RIVALS if rival_is_there(rival, figures)]
        for n in ROUNDS:
            lives = {}
            for _ in range(ROUNDS[n]):
                for make in supervisors:
                    supervisor = make(fifo)
                    if n in supervisor.counts:
                        lives.setdefault(supervisor.name, []).append(one_life(supervisor, n))
            report(figures, n, lives)
            for name, found in lives.items():
                memory.setdefault(name, {})[n] = median([life['memory'] for life in found])
        report_memory(figures, memory)
        measure_idle(figures, fifo)
    finally:
        fifo.remove()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def rival_is_there(rival, figures):
    missing = rival.missing()
    if missing:
        figures.note(f'not compared with {rival.name}: {missing}')
    return not missing


def report(figures, n, lives):
    bare = lives['bare loop']
    for what, words in WORDS.items():
        for name, found in lives.items():
            if name == 'bare loop' or what not in found[0]:
                continue
            # Each round's against the same round's.
            ratio = median([ours[what] / theirs[what] for ours, theirs in zip(found, bare)])
            value = median([life[what] for life in found])
            figures.add(SECTION.format(n), f'{words}: {name}', value, 'ms', value / ratio,
                        limit=TARGETS.get((n, what)) if name == 'wazo' else None)


def report_memory(figures, memory):
    for name, by_count in memory.items():
        most = max(by_count)
        figures.add('memory of a supervisor', f'for each of {most:,} children: {name}', (by_count[most] - by_count[1]) / (most - 1),
                    'KiB', limit=8 if name == 'wazo' else None)
    figures.add('memory of a supervisor', 'with one child: wazo', memory['wazo'][1], 'KiB')


def measure_idle(figures, fifo):
    """Nothing happens for a while: nothing should wake up. There is no watchdog here, whose wake-ups would be its own."""
    supervisor = Wazo(fifo)
    supervisor.start(IDLE_WORKERS)
    try:
        time.sleep(SETTLED_SECONDS + 1)
        pid = supervisor.service.pid
        switches, cpu = switches_of(pid), cpu_ms(pid)
        time.sleep(IDLE_SECONDS)
        switches, cpu = switches_of(pid) - switches, cpu_ms(pid) - cpu
    finally:
        supervisor.stop()
    section = f'{IDLE_SECONDS} s idle with {IDLE_WORKERS} commands'
    figures.add(section, 'wake-ups of the supervisor', switches, '', limit=0)
    figures.add(section, 'its CPU', cpu, 'ms', limit=0)
