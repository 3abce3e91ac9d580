# SPDX-License-Identifier: GPL-3.0-or-later
"""A service under wazo-supervisord, in a directory of its own, as the bench runs it."""
import array
import collections
import contextlib
import os
import select
import shutil
import socket
import subprocess
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, 'build-bench')
TOOLS = os.path.join(BUILD, 'tests/bench')
PLUGINS = os.path.join(TOOLS, 'plugins')
RESTART = os.path.join(TOOLS, 'restart')
SUPERVISORD = os.path.join(BUILD, 'supervisor/wazo-supervisord')
READY_SECONDS = 60

# Of an entry of /proc/PID/pagemap.
PAGE = os.sysconf('SC_PAGESIZE')
PRESENT = 1 << 63
FRAME = (1 << 55) - 1

# Nobody's own process: root's rights are dropped as on a real host.
USER = ['--user', 'nobody'] if os.getuid() == 0 else []


def now_ms():
    return time.monotonic_ns() / 1e6


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def new_directory():
    path = tempfile.mkdtemp(prefix='wazo-bench.')
    os.chmod(path, 0o755)
    return path


def wait_gone(pid, seconds):
    """False when it is still there."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], seconds)[0])
    finally:
        os.close(fd)


class Service:
    """`service` of the directory `path`, which stays when the service ends and goes with remove()."""

    def __init__(self, path, service='wazo-confd', arguments=()):
        self.path = path
        self.service = service
        self.port = free_port()
        self.arguments = list(arguments)
        self.child = None

    def start(self):
        """Until READY=1. Milliseconds from the exec of the supervisor."""
        address = os.path.join(self.path, 'ready')
        with contextlib.suppress(FileNotFoundError):
            os.unlink(address)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
            ready.bind(address)
            os.chmod(address, 0o666)
            ready.settimeout(READY_SECONDS)
            environment = dict(os.environ, NOTIFY_SOCKET=address)
            argv = [SUPERVISORD, '--dev', self.path, *USER, '--port', str(self.port), *self.arguments, self.service]
            with open(os.path.join(self.path, 'output'), 'ab') as output:
                begin = now_ms()
                self.child = subprocess.Popen(argv, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
            try:
                while b'READY=1' not in ready.recv(4096).split(b'\n'):
                    pass
            except TimeoutError:
                raise RuntimeError(f'{self.service} was not ready in {READY_SECONDS} s:\n{self.output()}') from None
            return now_ms() - begin

    def output(self):
        text = ''
        for path in (os.path.join(self.path, 'output'), os.path.join(self.path, 'log', self.service + '.log')):
            with contextlib.suppress(FileNotFoundError), open(path, encoding='utf-8', errors='replace') as f:
                text += f.read()[-4000:]
        return text

    @property
    def pid(self):
        return self.child.pid

    @property
    def token(self):
        with open(os.path.join(self.path, 'token'), encoding='ascii') as f:
            return f.read().strip()

    def workers(self):
        """{name: pid}, by the titles of the supervisor's children."""
        found = {}
        for pid in children_of(self.pid):
            with contextlib.suppress(OSError):
                words = [w for w in open(f'/proc/{pid}/cmdline', 'rb').read().decode().split('\0') if w]
                if words:
                    found[words[0].split(': ')[-1] if ': ' in words[0] else words[-1]] = pid
        return found

    def suite(self, *words):
        """wazo-suite's answer."""
        argv = [os.path.join(BUILD, 'workers/control/client/wazo-suite'), '--dev', self.path, *words]
        return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=60).stdout

    def stop(self):
        if self.child is None:
            return
        self.child.terminate()
        try:
            self.child.wait(30)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child = None

    def remove(self):
        self.stop()
        shutil.rmtree(self.path, ignore_errors=True)


@contextlib.contextmanager
def running(**kwargs):
    s = Service(new_directory(), **kwargs)
    try:
        s.start()
        yield s
    finally:
        s.remove()


# ---- what the kernel says of a process ----

def children_of(pid):
    with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
        return [int(word) for word in f.read().split()]


def memory_of(pid):
    """KiB: Pss, Private_Dirty and so on."""
    found = {}
    with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as f:
        for line in f.read().splitlines()[1:]:
            key, value = line.split(':')
            found[key] = int(value.split()[0])
    return found


def pss_of(pid):
    return memory_of(pid)['Pss']


def frames_of(pid):
    """The page frames that it has mapped. Only root is told."""
    frames = []
    with open(f'/proc/{pid}/maps', encoding='ascii') as maps, open(f'/proc/{pid}/pagemap', 'rb', buffering=0) as pagemap:
        for line in maps:
            begin, end = (int(address, 16) // PAGE for address in line.split()[0].split('-'))
            with contextlib.suppress(OSError, OverflowError):  # [vsyscall]
                pagemap.seek(begin * 8)
                entries = array.array('Q', pagemap.read((end - begin) * 8))
                frames += [entry & FRAME for entry in entries if entry & PRESENT]
    return frames


def alone(pids):
    """{name: KiB}: what Pss would say if the others of {name: pid} were all who share anything on the machine."""
    frames = {name: frames_of(pid) for name, pid in pids.items()}
    sharers = collections.Counter(frame for found in frames.values() for frame in found)
    return {name: sum(PAGE / 1024 / sharers[frame] for frame in found) for name, found in frames.items()}


def switches_of(pid):
    """How often it gave up the processor: once a wake-up, at least."""
    with open(f'/proc/{pid}/status', encoding='ascii') as f:
        return next(int(line.split()[1]) for line in f if line.startswith('voluntary_ctxt_switches'))


def cpu_ms(pid):
    with open(f'/proc/{pid}/stat', encoding='ascii') as f:
        fields = f.read().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf('SC_CLK_TCK')
