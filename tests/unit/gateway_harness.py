# SPDX-License-Identifier: GPL-3.0-or-later
"""A supervisor and workers in miniature, for tests of wazo-gateway over real sockets."""

import array
import fcntl
import hashlib
import json
import os
import select
import signal
import socket
import struct
import tempfile
import threading
import time

MASTER = '2f4b0000-0000-4000-8000-000000000001'
CHILD = '2f4b0000-0000-4000-8000-000000000002'
GRANDCHILD = '2f4b0000-0000-4000-8000-000000000003'
STRANGER = '2f4b0000-0000-4000-8000-000000000004'
USER = '5d2e0000-0000-4000-8000-000000000001'

HELLO, SETUP, READY, FAILED, NOTE, PING, PONG, DRAIN, LOG_LEVEL, PEER, SLOT, SLOT_GONE = range(1, 13)
WANT, STALLED, INFLIGHT = 14, 15, 16
REQUEST, REPLY = 48, 49
KIND_GATEWAY, KIND_CONTROL, KIND_PLUGIN, KIND_RELAY = 0, 1, 2, 6
STATES = ('stopped', 'blocked', 'starting', 'ready', 'draining', 'stopping', 'backoff', 'failed', 'resting', 'held')
FD_SLICE, FD_DESCRIPTIONS, FD_LISTENER, FD_CERT, FD_KEY = 1, 2, 4, 5, 6
CAUSES = 13
SECRET = 'swordfish'
# How long to wait for what must come, in seconds: the machine may be busy. A gateway's own deadlines are as long, unless a
# test is about one.
PATIENCE = 30
# Whether a worker is quick, and may be sent requests ahead, is not to depend on the machine.
NEVER, ALWAYS = 1e-6, 1e6


def pack(kind, body=b'', ident=0, fds=0):
    return struct.pack('<HHIQ', kind, fds, len(body), ident) + body


def string(text):
    data = text.encode() + b'\0'
    return struct.pack('<I', len(data)) + data


def sealed(content):
    fd = os.memfd_create('test', os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    os.write(fd, content)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE)
    return fd


def reply(status=200, body=b'', content_type='', location='', retry_after=0, fd=False):
    head = struct.pack('<BII', 1 if fd else 0, status, retry_after) + string(content_type) + string(location)
    return head if fd else head + struct.pack('<I', len(body)) + body


class Request:
    """A decoded REQUEST."""

    NAMES = ('id', 'method', 'path', 'base_url', 'script_name', 'tenant', 'auth_id', 'accept', 'content_type', 'idempotency_key')

    def __init__(self, data, fd):
        self.data, self.at = data, 0
        form, self.flags, self.operation, self.deadline, self.body_size = self.unpack('<BBIQQ')
        content = b''
        if fd >= 0:
            content = os.pread(fd, 80 << 20, 0)
            os.close(fd)
        self.form = form
        if form == 2:
            assert self.at == len(data)
            self.data, self.at = content[self.body_size:], 0
        self.strings()
        if form == 0:
            size = self.unpack('<I')[0]
            self.body = self.data[self.at:self.at + size]
            self.at += size
        else:
            self.body = content[:self.body_size]
        assert self.at == len(self.data)
        assert len(self.body) == self.body_size

    def unpack(self, layout):
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += struct.calcsize(layout)
        return values

    def string(self):
        size = self.unpack('<I')[0]
        value = self.data[self.at:self.at + size - 1].decode()
        self.at += size
        return value

    def pairs(self):
        return [(self.string(), self.string()) for _ in range(self.unpack('<I')[0])]

    def strings(self):
        for name in self.NAMES:
            setattr(self, name, self.string())
        self.tenants = [self.string() for _ in range(self.unpack('<I')[0])]
        self.params = self.pairs()
        self.query = self.pairs()

    @property
    def head(self):
        return bool(self.flags & 1)

    @property
    def retry(self):
        return bool(self.flags & 2)


class Worker:
    """The far end of a data channel. Answers by `answer`, or not at all while that is None."""

    def __init__(self, channel, answer):
        self.channel = channel
        self.requests = []
        self.answer = answer
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while True:
            try:
                data, fds, _, _ = socket.recv_fds(self.channel, 16384, 4)
            except OSError:
                return
            if not data:
                return
            kind, _, size, ident = struct.unpack_from('<HHIQ', data)
            assert kind == REQUEST and size == len(data) - 16
            request = Request(data[16:], fds[0] if fds else -1)
            request.ident = ident
            self.requests.append(request)
            if self.answer:
                self.answer(self, request)

    def send(self, request, body):
        self.channel.send(pack(REPLY, body, request.ident))

    def send_fd(self, request, body, fd):
        socket.send_fds(self.channel, [pack(REPLY, body, request.ident, 1)], [fd])
        os.close(fd)

    def die(self):
        self.channel.shutdown(socket.SHUT_RDWR)
        self.channel.close()


def echo(worker, request):
    body = json.dumps({
        'path': request.path, 'method': request.method, 'params': request.params, 'query': request.query,
        'tenant': request.tenant, 'tenants': request.tenants, 'base_url': request.base_url, 'body': len(request.body),
        'retry': request.retry, 'operation': request.operation}).encode()
    if len(body) < 8000:
        worker.send(request, reply(body=body))
    else:
        worker.send_fd(request, reply(fd=True), sealed(body))


def operation(method, number, acl, **more):
    return dict({'method': method, 'operation': number, 'acl': acl}, **more)


DESCRIPTIONS = [
    {'plugin': 'user', 'abi': 1, 'routes': [
        {'path': '/users', 'operations': [
            operation('GET', 0, 'confd.users.read'),
            operation('POST', 1, 'confd.users.create', body='json', secrets=['password'])]},
        {'path': '/users/{user_id:int_or_uuid}', 'operations': [
            operation('GET', 2, 'confd.users.{user_id}.read'),
            operation('PUT', 3, 'confd.users.{user_id}.update', body='json', secrets=['password']),
            operation('DELETE', 4, 'confd.users.{user_id}.delete')]},
        {'path': '/users/{user_id:int}/lines/{line_id:int}', 'operations': [
            operation('PUT', 5, 'confd.users.{user_id}.lines.{line_id}.update')]}],
     'openapi': {'paths': {'/users': {'get': {'summary': 'List: users'}}}, 'definitions': {'User': {'type': 'object'}}}},
    {'plugin': 'context', 'abi': 1, 'routes': [
        {'path': '/contexts/{context_id:text}', 'operations': [operation('GET', 0, 'confd.contexts.{context_id}.read')]},
        {'path': '/live', 'operations': [operation('GET', 1, 'confd.live.read', tenant='master')]},
        {'path': '/import', 'operations': [operation('POST', 2, 'confd.import', body='raw', body_max=64 << 20)]}],
     'openapi': {'paths': {'/contexts': {'get': {'summary': 'yes'}}}}},
    {'plugin': 'wizard', 'abi': 1, 'routes': [{'path': '/wizard', 'operations': [
        operation('GET', 0, None, tenant='none'), operation('POST', 1, None, tenant='none', body='json')]}]},
    {'plugin': 'broken', 'problem': 'there is no broken.so', 'routes': [
        {'path': '/broken', 'operations': [operation('GET', 0, 'confd.broken.read')]},
        {'path': '/users', 'operations': [operation('GET', 0, 'confd.broken.read')]}]},
    {'plugin': 'thief', 'abi': 1, 'routes': [{'path': '/users', 'operations': [operation('GET', 0, None)]}]},
]


def token(text, acl, tenant=MASTER, **more):
    return dict({'sha256': hashlib.sha256(text.encode()).hexdigest(), 'auth_id': USER, 'session_uuid': None,
                 'tenant_uuid': tenant, 'acl': acl, 'expires_at': None}, **more)


TOKENS = [token('all', ['#']), token('users', ['confd.users.#']), token('me', ['confd.users.me.read']),
          token('child', ['#'], CHILD), token('old', ['#'], expires_at='2001-02-03T04:05:06'),
          token('not-lines', ['#', '!confd.users.*.lines.#'])]


class Gateway:
    def __init__(self, tls=None, descriptions=None, extra_tenants=(), **changes):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(('127.0.0.1', 0))
        self.listener.listen(2048)
        self.port = self.listener.getsockname()[1]
        self.tls = tls
        self.slice = {
            'service': 'wazo-confd', 'version': '26.08', 'prefix': '/1.1', 'uuid': None,
            'listeners': [{'name': 'http', 'address': '127.0.0.1', 'port': self.port, 'tls': bool(tls)}],
            'cors': {'enabled': True, 'allow_headers': ['Content-Type', 'X-Auth-Token', 'Wazo-Tenant']},
            'limits': dict({'connections': 1100, 'connections_idle_seconds': 75, 'header_bytes': 32768, 'header_seconds': 30,
                            'body_bytes': 41943040, 'body_seconds': 30, 'queue': 4, 'executing': 3, 'requests_held': 512},
                           **changes.pop('limits', {})),
            'deadlines': dict({'queue_ms': 30000, 'attempt_ms': 30000, 'total_ms': 60000, 'drain_ms': 75000, 'quick_ms': NEVER},
                              **changes.pop('deadlines', {})),
            'tokens': TOKENS,
            'tenants': [{'uuid': MASTER, 'parent': None}, {'uuid': CHILD, 'parent': MASTER},
                        {'uuid': GRANDCHILD, 'parent': CHILD}, {'uuid': STRANGER, 'parent': MASTER}] + list(extra_tenants),
            'master_tenant': MASTER, 'on_demand': False, 'idle_ms': {}, 'log_bodies': True}
        self.slice.update(changes)
        self.messages = []
        self.workers = []
        self.start(descriptions if descriptions is not None else DESCRIPTIONS)

    def start(self, descriptions):
        self.log = tempfile.NamedTemporaryFile(prefix='gateway-log-')
        self.stderr = tempfile.NamedTemporaryFile(prefix='gateway-stderr-')
        self.channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ring = os.memfd_create('ring', os.MFD_ALLOW_SEALING)
        os.ftruncate(ring, 4096)
        fcntl.fcntl(ring, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        log = os.open(self.log.name, os.O_WRONLY | os.O_APPEND)
        sources = [fcntl.fcntl(fd, fcntl.F_DUPFD, 40) for fd in (theirs.fileno(), log, ring)]
        null = os.open('/dev/null', os.O_RDWR)
        actions = [(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, null, 1),
                   (os.POSIX_SPAWN_DUP2, self.stderr.fileno(), 2)]
        actions += [(os.POSIX_SPAWN_DUP2, fd, 3 + i) for i, fd in enumerate(sources)]
        program = os.environ['WAZO_GATEWAY']
        self.pid = os.posix_spawn(program, [program], dict(os.environ, TZ='UTC'), file_actions=actions)
        theirs.close()
        for fd in sources + [log, ring, null]:
            os.close(fd)
        self.expect(HELLO)
        roles = [FD_SLICE, FD_DESCRIPTIONS, FD_LISTENER]
        fds = [sealed(json.dumps(self.slice).encode()), sealed(json.dumps({'plugins': descriptions, 'problems': []}).encode()), self.listener.fileno()]
        if self.tls:
            roles += [FD_CERT, FD_KEY]
            fds += [os.open(path, os.O_RDONLY) for path in self.tls]
        setup = struct.pack('<IIIIQ64s64s64s64s512s20s24s4x', 9, 1, KIND_GATEWAY, 3, 0, b'wazo-confd', b'gateway',
                            b'', b'', b'', b'', bytes(roles))
        socket.send_fds(self.channel, [pack(SETUP, setup, 0, len(fds))], fds)
        for fd in fds[:2] + fds[3:]:
            os.close(fd)
        self.expect(READY)

    def receive(self, timeout=PATIENCE):
        if not select.select([self.channel], [], [], timeout)[0]:
            return None
        data = self.channel.recv(16384)
        if not data:
            return (0, b'')
        kind, _, size, _ = struct.unpack_from('<HHIQ', data)
        self.messages.append((kind, data[16:]))
        return self.messages[-1]

    def expect(self, kind, timeout=PATIENCE):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            message = self.receive(end - time.monotonic())
            if not message or message[0] == 0:
                break
            if message[0] == kind:
                return message[1]
        raise AssertionError('no message %d; stderr: %s; log: %s' % (kind, open(self.stderr.name).read(), self.text()))

    def send(self, kind, body=b''):
        self.channel.send(pack(kind, body))

    def sync(self):
        self.send(PING)
        self.expect(PONG)

    def slot(self, number, name, state, reason='', retry_in=0.0, kind=KIND_PLUGIN, group='default'):
        now = time.monotonic_ns()
        retry_at = now + int(retry_in * 1e9) if retry_in else 0
        plugin = name.split('#')[0]
        self.send(SLOT, struct.pack('<IIIIIiiIII%dI4xQQQQ64s64s64s224s224s224s4Q' % CAUSES, number, kind, STATES.index(state), 0, 1, 0, 0,
                                    0, 0, 0, *([0] * CAUSES), now, 0, retry_at, 0, name.encode(), plugin.encode(),
                                    group.encode(), reason.encode(), b'', b'', 0, 0, 0, 0))

    def introduce(self, number, name, answer=echo, generation=1, state='ready', kind=KIND_PLUGIN):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if state:
            self.slot(number, name, state, kind=kind)
        body = struct.pack('<II64sI', number, generation, name.encode(), kind)
        socket.send_fds(self.channel, [pack(PEER, body, 0, 1)], [theirs.fileno()])
        theirs.close()
        worker = Worker(ours, answer)
        self.workers.append(worker)
        self.sync()
        return worker

    def text(self):
        return open(self.log.name, errors='replace').read()

    def request_lines(self, number):
        """The log's lines about requests, once there are this many: they are written behind the answers."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            lines = [line for line in self.text().split('\n')[:-1] if 'request: ' in line or 'response to' in line]
            if len(lines) >= number:
                return lines
            time.sleep(0.01)
        raise AssertionError(self.text())

    def wait_held(self, number):
        """Until so many requests wait, for a worker or for its reply."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            body = call(self, 'GET', '/metrics', auth=None).body
            if b'\nwazo_gateway_requests_held %d\n' % number in body:
                return
            time.sleep(0.01)
        raise AssertionError(body.decode())

    def wait(self, timeout=PATIENCE):
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.pid = 0
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.01)
        return None

    def stop(self):
        """Drains it; it must end well, and sanitizers must have found nothing."""
        code = None
        if self.pid:
            try:
                self.send(DRAIN, struct.pack('<QQ', time.monotonic_ns() + 100_000_000, 0))
            except OSError:
                pass
            code = self.wait()
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
        errors = open(self.stderr.name).read()
        self.channel.close()
        self.listener.close()
        assert errors == '', errors
        return code


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)


def connect(gateway):
    s = socket.create_connection(('127.0.0.1', gateway.port))
    s.settimeout(PATIENCE)
    return s


def read_answer(s, head=False):
    """One answer from a socket: None at the end of the connection."""
    data = b''
    while b'\r\n\r\n' not in data:
        piece = s.recv(1)
        if not piece:
            return None
        data += piece
    lines = data.decode('latin-1').split('\r\n')
    headers = {}
    for line in lines[1:-2]:
        name, value = line.split(': ', 1)
        headers[name] = value
    status = int(lines[0].split()[1])
    length = int(headers.get('Content-Length', 0))
    body = b''
    while not head and status not in (100, 204) and len(body) < length:
        piece = s.recv(length - len(body))
        if not piece:
            break
        body += piece
    return Answer(status, headers, body)


def raw(gateway, data):
    """Sends bytes, returns the first answer, or None."""
    with connect(gateway) as s:
        s.sendall(data)
        try:
            return read_answer(s)
        except ConnectionResetError:
            return None


def call(gateway, method, path, auth='all', body=b'', headers=(), s=None):
    lines = ['%s %s HTTP/1.1' % (method, path), 'Host: pbx.example:9486']
    if auth:
        lines.append('X-Auth-Token: ' + auth)
    lines += ['%s: %s' % pair for pair in (headers.items() if isinstance(headers, dict) else headers)]
    if body or method in ('POST', 'PUT'):
        lines.append('Content-Length: %d' % len(body))
    data = ('\r\n'.join(lines) + '\r\n\r\n').encode() + body
    if s:
        s.sendall(data)
        return read_answer(s, method == 'HEAD')
    with connect(gateway) as own:
        own.sendall(data)
        return read_answer(own, method == 'HEAD')
