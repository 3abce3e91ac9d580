# SPDX-License-Identifier: GPL-3.0-or-later
"""Real services for the integration tests.

A Service is one wazo-supervisord with all its workers, in a temporary folder and on a free port:

    with Service(config='log_level: debug', plugins=['crashdummy']) as s:
        assert s.get('/infos').status == 200

WAZO_BUILD names the build folder. Root runs services as user nobody, from a copy that nobody can read; anybody else runs
them as himself, from the build folder. Where the build has sanitizers, deadlines are longer, and whatever they report
fails the test.
"""
import atexit
import collections
import contextlib
import ctypes
import glob
import http.client
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import uuid

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get('WAZO_BUILD') or os.path.join(TOP, 'build-gcc'))
ROOT = os.geteuid() == 0
NOBODY = 65534
PR_SET_PDEATHSIG = 1
REPORTS = ('AddressSanitizer', 'LeakSanitizer', 'UndefinedBehaviorSanitizer', 'runtime error: ')


def _sanitizers():
    try:
        with open(os.path.join(BUILD, 'meson-info', 'intro-buildoptions.json'), encoding='utf-8') as file:
            options = {option['name']: option['value'] for option in json.load(file)}
    except OSError:
        return False
    return options.get('b_sanitize', 'none') not in ('none', [], '')


SANITIZERS = _sanitizers()
# How much longer everything may take.
SLOW = 5 if SANITIZERS else 1

_libc = ctypes.CDLL(None)
_running = []
_scratch = None


def scratch():
    """A folder that anybody can enter, gone at the end."""
    global _scratch
    if not _scratch:
        _scratch = tempfile.mkdtemp(prefix='wazo-suite-test-')
        os.chmod(_scratch, 0o755)
        atexit.register(shutil.rmtree, _scratch, ignore_errors=True)
    return _scratch


# What runs of a build folder, and what it reads of the sources.
_PARTS = ('supervisor/wazo-supervisord', 'config/wazo-config', 'backup/wazo-*', 'workers/*/wazo-*', 'workers/control/client/wazo-suite',
          'workers/kit/libwazo-plugin.so*', 'workers/drivers/*.so', 'workers/plugins/*.so', 'workers/plugins/*/*.so', 'workers/plugins/*/*.json',
          'tests/plugins/*.so', 'tests/plugins/*.json')
_SOURCES = ('config/services.d', 'config/shipped', 'workers/migrate/sql')
_build = None


def build():
    """The build folder to run from."""
    global _build
    if _build:
        return _build
    if not os.path.exists(os.path.join(BUILD, 'supervisor/wazo-supervisord')):
        raise RuntimeError(f'there is no build in {BUILD}: set WAZO_BUILD')
    if not ROOT:
        _build = BUILD
        return _build
    copy, source = os.path.join(scratch(), 'build'), os.path.join(scratch(), 'source')
    for pattern in _PARTS:
        for path in glob.glob(os.path.join(BUILD, pattern)):
            to = os.path.join(copy, os.path.relpath(path, BUILD))
            if os.path.isdir(path):
                continue
            os.makedirs(os.path.dirname(to), exist_ok=True)
            shutil.copy(path, to)
            os.chmod(to, 0o755)
    for folder in _SOURCES:
        shutil.copytree(os.path.join(TOP, folder), os.path.join(source, folder))
    with open(os.path.join(copy, 'wazo-suite.paths'), 'w', encoding='utf-8') as file:
        file.write(source + '\n')
    for folder, _, files in os.walk(scratch()):
        os.chmod(folder, 0o755)
        for name in files:
            path = os.path.join(folder, name)
            os.chmod(path, os.stat(path).st_mode | 0o444)
    _build = copy
    return _build


def supervisord():
    return os.path.join(build(), 'supervisor/wazo-supervisord')


def wazo_suite():
    return os.path.join(build(), 'workers/control/client/wazo-suite')


def test_plugin(name):
    """The path of a plugin of tests/plugins."""
    return os.path.join(build(), 'tests/plugins', name)


test_plugin.__test__ = False


def manifest(timing=None, plugins=None, gateway='', control='', common='', more='', name='wazo-confd', workers=''):
    """The shipped manifest, changed: timing of all ({key: value}), what is appended to the entries of gateway, control and
    plugins (", key: value"), more workers and more keys (lines of YAML)."""
    with open(os.path.join(TOP, 'config/services.d/wazo-confd.yml'), encoding='utf-8') as file:
        shipped = file.read()
    plugins = plugins or re.findall(r'^  - (\w+)$', shipped, re.M)
    pairs = ', '.join(f'{key}: {value}' for key, value in (timing or {}).items())
    return f"""service: {name}
kind: native
description: A service under test
user: nobody
port: 9486
prefix: /1.1
config: /etc/{name}/config.yml
state: /var/lib/{name}
run: /run/{name}
log: /var/log/{name}.log
timing: {{{pairs}}}
workers:
  migrate: {{kind: once, command: wazo-migrate}}
  control: {{kind: control{control}}}
  gateway: {{kind: gateway, instances: 1{gateway}}}
  plugins: {{kind: plugin, requires: [migrate], nursery: true{common}}}
{workers}
plugins: [{', '.join(plugins)}]
{more}
"""


# Deaths in a row are forgotten at once: for tests that kill more often than any service should die.
PATIENT = {'intensity': 1000, 'backoff_base': '10ms', 'backoff_cap': '20ms'}


_given = set()


def free_port():
    """Below those that the kernel gives to clients, so that none of them is in the way; never the same again."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as s:
            try:
                s.bind(('127.0.0.1', port))
            except OSError:
                continue
        if port not in _given:
            _given.add(port)
            return port


class Timeout(AssertionError):
    pass


# However long a wait says that it should take: on a machine that stands still for some seconds it takes these longer.
PATIENCE = 30


def wait_for(what, seconds=10, message=None, every=0.005):
    """Calls what() until its value is true, and returns that."""
    seconds = max(seconds, PATIENCE) * SLOW
    until = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > until:
            raise Timeout(message() if callable(message) else message or f'not within {seconds} s: {what}')
        time.sleep(every)


# ---- processes ----


def proc(pid, name):
    try:
        with open(f'/proc/{pid}/{name}', 'rb') as file:
            return file.read()
    except OSError:
        return b''


def proc_status(pid):
    """/proc/PID/status as a dict; {} when it is gone."""
    lines = proc(pid, 'status').decode(errors='replace').splitlines()
    return dict(line.split(':', 1) for line in lines if ':' in line)


def alive(pid):
    """Whether there is such a process that is no zombie."""
    state = proc_status(pid).get('State', 'Z')
    return 'Z' not in state and 'X' not in state


def children(pid):
    """The processes whose parent this is, zombies included."""
    found = []
    for entry in os.listdir('/proc'):
        if entry.isdigit():
            after = proc(entry, 'stat').rpartition(b')')[2].split()
            if len(after) > 1 and int(after[1]) == pid:
                found.append(int(entry))
    return found


def run_as(user):
    """Keyword arguments of Popen: a uid, or None for as we are. It ends when we end."""
    def last():
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    arguments = {'preexec_fn': last, 'start_new_session': True}
    if user is not None and ROOT:
        arguments.update(user=user, group=user, extra_groups=[])
    return arguments


def clean_environment(**more):
    environment = {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'LANG': 'C.UTF-8'}
    if SANITIZERS:
        # Our own handlers tell of faults: they are on purpose here. What sanitizers find themselves still ends a worker.
        environment['ASAN_OPTIONS'] = 'detect_leaks=1:handle_segv=0:handle_sigbus=0:handle_sigill=0:handle_abort=0:handle_sigfpe=0'
        environment['UBSAN_OPTIONS'] = 'halt_on_error=1:print_stacktrace=1:handle_segv=0:handle_sigbus=0:handle_sigill=0:' \
                                       'handle_abort=0:handle_sigfpe=0'
    environment.update({k: v for k, v in more.items() if v is not None})
    return environment


def sanitizer_report(text, expected=()):
    for line in text.splitlines():
        if any(word in line for word in REPORTS) and not any(word in line for word in expected):
            return line
    return None


# ---- HTTP ----


class Answer:
    """status, headers (case-insensitive), body (bytes), and json, when it is."""

    def __init__(self, response, body):
        self.status, self.reason, self.headers, self.body = response.status, response.reason, response.headers, body
        self.version = response.version

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def text(self):
        return self.body.decode()

    def __repr__(self):
        return f'<{self.status} {dict(self.headers)} {self.body[:500]!r}>'


class Load:
    """Threads that send the same request again and again and count what comes back.

        with s.load('/infos') as load:
            ...
        load.check()
    """

    def __init__(self, service, path, threads=4, headers=None, pause=0.0, keep_alive=True):
        self.service, self.path, self.pause, self.keep_alive = service, path, pause, keep_alive
        self.headers = {'X-Auth-Token': service.token, **(headers or {})}
        self.statuses = collections.Counter()
        self.errors, self.bad, self.slowest = [], [], 0.0
        self._lock, self._end = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def _run(self):
        connection = None
        while not self._end.is_set():
            begin, error, status, body = time.monotonic(), None, None, b''
            try:
                if connection is None:
                    connection = http.client.HTTPConnection('127.0.0.1', self.service.port, timeout=40 * SLOW)
                connection.request('GET', '/1.1' + self.path, headers=self.headers)
                response = connection.getresponse()
                body = response.read()
                status = response.status
                if response.will_close or not self.keep_alive:
                    connection.close()
                    connection = None
            except (OSError, http.client.HTTPException) as e:
                error = repr(e)
                connection.close()
                connection = None
            with self._lock:
                if error:
                    self.errors.append(error)
                else:
                    self.statuses[status] += 1
                    if status != 200 and len(self.bad) < 20:
                        self.bad.append((status, body[:300]))
                self.slowest = max(self.slowest, time.monotonic() - begin)
            if self.pause or error:
                time.sleep(self.pause or 0.005)
        if connection:
            connection.close()

    @property
    def done(self):
        return sum(self.statuses.values())

    def wait_more(self, n, seconds=20):
        """Until n more answers have come."""
        goal = self.done + n
        wait_for(lambda: self.done >= goal, seconds, lambda: f'{self.done} of {goal} answers; {self.errors[-3:]} {self.bad[-3:]}')

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._end.set()
        for thread in self._threads:
            thread.join(60 * SLOW)

    __enter__ = start

    def __exit__(self, *exception):
        self.stop()

    def check(self, least=1):
        """No request failed, and there were some."""
        assert not self.errors and set(self.statuses) == {200} and self.done >= least, \
            f'{dict(self.statuses)}, errors {self.errors[:5]}, {self.bad[:5]}'


class Notifications:
    """systemd's end of NOTIFY_SOCKET: what came, as (monotonic time, {KEY: value}), and its store of descriptors."""

    def __init__(self, path):
        self.path, self.messages, self.store = path, [], {}
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(path)
        os.chmod(path, 0o777)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        while True:
            try:
                data, fds = socket.recv_fds(self._socket, 65536, 16)[:2]
            except OSError:
                return
            if not data:
                return
            pairs = dict(line.split('=', 1) for line in data.decode().splitlines() if '=' in line)
            if 'FDSTORE' in pairs and pairs['FDNAME'] not in self.store:
                self.store[pairs['FDNAME']] = fds.pop()
            if 'FDSTOREREMOVE' in pairs:
                os.close(self.store.pop(pairs['FDNAME']))
            for fd in fds:
                os.close(fd)
            self.messages.append((time.monotonic(), pairs))

    def all(self, key):
        return [pairs[key] for _, pairs in list(self.messages) if key in pairs]

    def last(self, key):
        values = self.all(key)
        return values[-1] if values else None

    def close(self):
        # A close alone does not wake the thread that reads.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(5)
        for fd in self.store.values():
            os.close(fd)
        self.store.clear()


# ---- services ----


class Service:
    """
    config     text of DIR/etc/config.yml; conf_d: {file name: text} beside it
    manifest   text of the service's manifest, instead of the shipped one
    plugins    of tests/plugins that are copied to a --plugin-dir
    args       more words on the command line
    environment  more variables; a None takes one away
    as_root    started as root with --user nobody (root only), instead of as nobody
    notify     whether there is a NOTIFY_SOCKET: how readiness is known; else by wazo-suite status --wait
    expected   words that excuse a sanitizer's report
    """

    def __init__(self, config=None, conf_d=None, manifest=None, plugins=(), args=(), environment=None, as_root=False, notify=True,
                 expected=(), name='wazo-confd', port=None, command=(), popen=None):
        self.name, self.args, self.as_root, self.expected = name, list(args), as_root, expected
        self.environment, self.command, self.popen = dict(environment or {}), list(command), dict(popen or {})
        self.home = tempfile.mkdtemp(dir=scratch(), prefix='s')
        self.dir = os.path.join(self.home, 'd')
        self.port = port or free_port()
        self.id = uuid.uuid4().hex
        self.process = self.exit_code = self.notifications = None
        self.want_notify = notify
        self.plugin_dir = None
        self.enter = []  # in front of wazo-suite
        os.makedirs(os.path.join(self.dir, 'etc', 'conf.d'))
        if config is not None:
            self.write('etc/config.yml', config)
        for file, text in (conf_d or {}).items():
            self.write(f'etc/conf.d/{file}', text)
        if manifest is not None:
            self.write(f'etc/services.d/{name}.yml', manifest)
        for plugin in plugins:
            self.add_plugin(plugin)
        self._own()

    # -- files --

    def _own(self):
        if not ROOT:
            return
        os.chmod(self.home, 0o755)
        for folder, folders, files in os.walk(self.home):
            for entry in ['.'] + folders + files:
                # A service that runs makes files and removes them.
                with contextlib.suppress(FileNotFoundError):
                    os.chown(os.path.join(folder, entry), NOBODY, NOBODY, follow_symlinks=False)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        """A file below DIR."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w', encoding='utf-8') as file:
            file.write(text)
        self._own()
        return path

    def read(self, name):
        with open(self.path(name), encoding='utf-8', errors='replace') as file:
            return file.read()

    def config(self, text):
        return self.write('etc/config.yml', text)

    def add_plugin(self, name, as_name=None):
        """Copies NAME.so and NAME.json from tests/plugins into the --plugin-dir."""
        if not self.plugin_dir:
            self.plugin_dir = os.path.join(self.home, 'plugins')
            os.makedirs(self.plugin_dir)
        for suffix in ('.so', '.json'):
            source = test_plugin(name + suffix)
            if os.path.exists(source):
                to = os.path.join(self.plugin_dir, (as_name or name) + suffix)
                # A running worker has the old one mapped: it gets a new inode, as from a package.
                shutil.copy(source, to + '.new')
                os.rename(to + '.new', to)
        self._own()

    @property
    def token(self):
        return self.read('token').strip()

    def log(self):
        try:
            return self.read(f'log/{self.name}.log')
        except OSError:
            return ''

    def stderr(self):
        try:
            with open(os.path.join(self.home, 'stderr'), encoding='utf-8', errors='replace') as file:
                return file.read()
        except OSError:
            return ''

    def crash_records(self, worker=None):
        """The records on disk, oldest first."""
        found = []
        for path in glob.glob(self.path(f'state/crashes/{worker or "*"}/*')):
            with contextlib.suppress(OSError, ValueError):
                with open(path, encoding='utf-8') as file:
                    found.append((os.path.getmtime(path), path, json.load(file)))
        return [record for _, _, record in sorted(found, key=lambda entry: entry[:2])]

    def database(self):
        """The SQLite file, opened to read."""
        return sqlite3.connect(f'file:{self.path("state/db/confd.sqlite")}?mode=ro', uri=True, timeout=10)

    # -- life --

    def words(self):
        words = [supervisord(), '--dev', self.dir, '--port', str(self.port)]
        if self.plugin_dir:
            words += ['--plugin-dir', self.plugin_dir]
        if self.as_root:
            words += ['--user', 'nobody']
        return self.command + words + self.args + [self.name]

    def _environment(self):
        more = {'INVOCATION_ID': self.id, **self.environment}
        if self.notifications:
            more['NOTIFY_SOCKET'] = self.notifications.path
        return clean_environment(**more)

    def launch(self):
        """Starts it and does not wait."""
        assert self.process is None, 'it is running'
        self.exit_code = None
        if self.want_notify:
            path = os.path.join(self.home, 'notify')
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            self.notifications = Notifications(path)
        with open(os.path.join(self.home, 'stderr'), 'ab') as stderr:
            self.process = subprocess.Popen(self.words(), env=self._environment(), stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                                            cwd='/', **{**run_as(None if self.as_root else NOBODY), **self.popen})
        _running.append(self)
        return self

    def start(self, seconds=60):
        """Starts it and waits until it is ready."""
        self.launch()
        if self.want_notify:
            wait_for(lambda: self.process.poll() is not None or 'READY' in self._keys(), seconds,
                     lambda: f'not ready: {self.notifications.messages[-3:]}\n{self.stderr()}\n{self.log()}')
            if 'READY' not in self._keys():
                raise AssertionError(f'it ended with {self.process.returncode}: {self.stderr()}\n{self.log()}')
        else:
            done = self.suite('status', '--wait', str(seconds * SLOW))
            assert done.returncode == 0, f'{done.stderr}\n{self.stderr()}\n{self.log()}'
        return self

    def _keys(self):
        return {key for _, pairs in list(self.notifications.messages) for key in pairs}

    @property
    def pid(self):
        return self.process.pid

    def wait(self, seconds=60):
        """Waits for the end; the exit code, negative for a signal."""
        try:
            self.exit_code = self.process.wait(seconds * SLOW)
        except subprocess.TimeoutExpired:
            raise Timeout(f'it does not end within {seconds * SLOW} s:\n{self.log()[-3000:]}') from None
        self._ended()
        return self.exit_code

    def _ended(self):
        self.process = None
        if self in _running:
            _running.remove(self)
        if self.notifications:
            self.notifications.close()

    def stop(self, seconds=60):
        """SIGTERM, and it must end with 0, leaving nothing."""
        if self.process is None:
            return
        pids = self.processes()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.wait(seconds)
        except Timeout:
            self.end_hard()
            raise
        self.check_gone(pids)
        assert code == 0, f'it ended with {code}:\n{self.stderr()}\n{self.log()[-3000:]}'
        self.check_sanitizers()

    def end_hard(self):
        """Ends all of it, for cleaning up."""
        if self.process is None:
            return
        pids = self.processes()
        self.process.kill()
        self.process.wait()
        for pid in pids | self.processes():
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self._ended()

    def processes(self):
        """All processes of this service but the supervisor: known by its log file, which they have open, or their environment."""
        mark, log, found = f'INVOCATION_ID={self.id}'.encode(), self.path(f'log/{self.name}.log'), set()
        mine = self.process.pid if self.process else 0
        for entry in os.listdir('/proc'):
            if not entry.isdigit() or int(entry) == mine or not alive(entry):
                continue
            ours = mark in proc(entry, 'environ')
            if not ours:
                with contextlib.suppress(OSError):
                    ours = any(os.readlink(f'/proc/{entry}/fd/{fd}') == log for fd in os.listdir(f'/proc/{entry}/fd'))
            if ours:
                found.add(int(entry))
        return found | (set(children(mine)) if mine else set())

    def check_gone(self, pids=(), seconds=2):
        """None of them lives on, nothing listens, and the control socket is gone."""
        left = set(pids)

        def gone():
            nonlocal left
            left = {pid for pid in left if alive(pid)} | self.processes()
            return not left
        wait_for(gone, seconds, lambda: 'left behind: ' + ', '.join(
            f'{pid} ({proc(pid, "cmdline").decode(errors="replace")})' for pid in left), every=0.02)
        assert not os.path.exists(self.path('run/control.sock')), 'the control socket is still there'
        with socket.socket() as s:
            assert s.connect_ex(('127.0.0.1', self.port)) != 0, 'the port is still open'

    def check_sanitizers(self):
        if SANITIZERS:
            report = sanitizer_report(self.stderr() + self.log(), self.expected)
            assert not report, f'{report}\n{self.stderr()[-6000:]}\n{self.log()[-6000:]}'

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.end_hard()
            raise

    def __exit__(self, kind, *_):
        if kind:
            self.end_hard()
        else:
            self.stop()

    def send_signal(self, signo):
        self.process.send_signal(signo)

    # -- HTTP --

    def request(self, method, path, body=None, headers=None, token=True, prefix='/1.1', timeout=60):
        """token: True for the first one, a text for another, None for none. What is not bytes goes as JSON."""
        headers = dict(headers or {})
        if token:
            headers.setdefault('X-Auth-Token', self.token if token is True else token)
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault('Content-Type', 'application/json')
        connection = http.client.HTTPConnection('127.0.0.1', self.port, timeout=timeout * SLOW)
        try:
            connection.request(method, prefix + path, body, headers)
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request('GET', path, **more)

    def post(self, path, body=None, **more):
        return self.request('POST', path, body, **more)

    def put(self, path, body=None, **more):
        return self.request('PUT', path, body, **more)

    def delete(self, path, **more):
        return self.request('DELETE', path, **more)

    def raw(self, timeout=20):
        """A connected socket."""
        return socket.create_connection(('127.0.0.1', self.port), timeout=timeout * SLOW)

    def load(self, path='/infos', **more):
        return Load(self, path, **more)

    # -- control --

    def suite(self, *words, check=False, user=False, timeout=60):
        """Runs wazo-suite --dev DIR; as who started the service, unless another user is given."""
        user = user if user is not False else None if self.as_root else NOBODY
        done = subprocess.run([*self.enter, wazo_suite(), '--dev', self.dir, *words], env=clean_environment(), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=timeout * SLOW, **run_as(user))
        assert not check or done.returncode == 0, f'wazo-suite {words}: {done.returncode}: {done.stdout}{done.stderr}'
        return done

    def suite_json(self, *words):
        return json.loads(self.suite('--json', *words, check=True).stdout)

    def status(self):
        return self.suite_json('status')

    def worker(self, name):
        """What status says of one worker; None when there is no such one."""
        return next((w for w in self.status()['workers'] if w['name'] == name), None)

    def worker_pid(self, name):
        return self.worker(name).get('pid')

    def pids(self):
        """{worker: pid} of all that have a process."""
        return {w['name']: w['pid'] for w in self.status()['workers'] if w.get('pid')}

    def kill(self, name, signo=signal.SIGKILL):
        """Sends a signal to a worker's process. Returns its pid."""
        pid = self.worker_pid(name)
        assert pid, f'{name} has no process'
        os.kill(pid, signo)
        return pid

    def wait_state(self, name, state, seconds=20, not_pid=None):
        """Until a worker is in a state, in another process than not_pid; what status says of it then."""
        last = None

        def there():
            nonlocal last
            last = self.worker(name)
            return last and last['state'] == state and (not_pid is None or last.get('pid') not in (None, not_pid))
        wait_for(there, seconds, lambda: f'{name} is not {state}: {last}\n{self.log()[-3000:]}', every=0.01)
        return last

    def wait_log(self, pattern, seconds=10, since=0):
        """Until the log, from an offset on, has a match; the match."""
        return wait_for(lambda: re.search(pattern, self.log()[since:], re.M), seconds,
                        lambda: f'the log has no {pattern!r}:\n{self.log()[since:][-5000:]}')


def check_config(service, *words, strict=False):
    """Runs --check-config as the service would be started: the finished process."""
    line = service.words()
    line = line[:-1] + ['--check-config'] + (['--strict'] if strict else []) + list(words) + line[-1:]
    return subprocess.run(line, env=clean_environment(**service.environment), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=30 * SLOW, cwd='/', **run_as(None if service.as_root else NOBODY))


def running():
    return list(_running)


@atexit.register
def _end_all():
    for service in running():
        with contextlib.suppress(Exception):
            service.end_hard()
