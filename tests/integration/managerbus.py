# SPDX-License-Identifier: GPL-3.0-or-later
"""A service manager on a bus of its own, with as many units as a test says: what wazo-monit-check asks of systemd.

    with Manager('/tmp/x/bus') as manager:
        manager.units['acme.service'] = Unit(active='failed', result='signal')
        subprocess.run([...], env={'DBUS_SYSTEM_BUS_ADDRESS': manager.address})

It speaks as much D-Bus as is asked of it: login, Hello, lists of units, properties, signatures of strings and integers.
"""
import contextlib
import dataclasses
import fnmatch
import socket
import struct
import threading
import time


@dataclasses.dataclass
class Unit:
    load: str = 'loaded'
    active: str = 'active'
    sub: str = 'running'
    job: int = 0
    result: str = 'success'
    status: str = ''
    condition: bool = True
    since: float = 0.0  # CLOCK_MONOTONIC
    pid: int = 0
    restart: str = 'no'
    restarts: int = 0
    memory: int = 2**64 - 1

    def start(self):
        self.active, self.sub, self.result, self.since = 'active', 'running', 'success', time.monotonic()


class Writer:
    """Marshals by signature, little-endian; alignment counts from the beginning of the body."""

    SIZES = {'u': ('<I', 4), 'b': ('<I', 4), 't': ('<Q', 8)}

    def __init__(self):
        self.data = b''

    def align(self, n):
        self.data += bytes(-len(self.data) % n)

    def put(self, kind, value):
        if kind in self.SIZES:
            form, size = self.SIZES[kind]
            self.align(size)
            self.data += struct.pack(form, value)
        elif kind == 'g':
            self.data += bytes([len(value)]) + value.encode() + b'\0'
        else:
            self.align(4)
            self.data += struct.pack('<I', len(value.encode())) + value.encode() + b'\0'

    def variant(self, kind, value):
        self.put('g', kind)
        self.put(kind, value)

    def array(self, signature, rows):
        """Of structures."""
        self.align(4)
        at = len(self.data)
        self.data += bytes(4)
        self.align(8)
        begin = len(self.data)
        for row in rows:
            self.align(8)
            for kind, value in zip(signature, row):
                self.put(kind, value)
        self.data = self.data[:at] + struct.pack('<I', len(self.data) - begin) + self.data[at + 4:]


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self):
        self.at += -self.at % 4
        self.at += 4
        return struct.unpack_from('<I', self.data, self.at - 4)[0]

    def text(self):
        size = self.number()
        self.at += size + 1
        return self.data[self.at - size - 1:self.at - 1].decode()

    def texts(self):
        end = self.number() + self.at
        found = []
        while self.at < end:
            found.append(self.text())
        return found


class Manager:
    def __init__(self, path):
        self.units, self.environment = {}, {}
        self.address = f'unix:path={path}'
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(path)
        self._socket.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self):
        while True:
            try:
                client = self._socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    # -- the wire --

    def _serve(self, client):
        with contextlib.suppress(ConnectionError), client, client.makefile('rb') as stream:
            stream.read(1)
            while (line := stream.readline().strip()) and line != b'BEGIN':
                answer = {b'AUTH': b'DATA', b'DATA': b'OK ' + b'0' * 32, b'NEGOTIATE_UNIX_FD': b'ERROR'}.get(line.split()[0], b'ERROR')
                client.sendall(answer + b'\r\n')
            while len(fixed := stream.read(16)) == 16:
                _, _, _, _, size, serial, fields = struct.unpack('<BBBBIII', fixed)
                header = self._fields(stream.read(fields + -fields % 8)[:fields])
                body = Reader(stream.read(size))
                client.sendall(self._reply(serial, *self._call(header, body)))

    @staticmethod
    def _fields(data):
        """Of the header, those that are texts or paths: {code: text}."""
        reader, found = Reader(data), {}
        while reader.at < len(data):
            reader.at += -reader.at % 8
            code = data[reader.at]
            kind = data[reader.at + 2:reader.at + 3]
            reader.at += 4
            if kind in (b's', b'o'):
                found[code] = reader.text()
            elif kind == b'g':
                reader.at += data[reader.at] + 2
            else:
                reader.number()
        return found

    @staticmethod
    def _reply(serial, signature, body, error=None):
        fields = Writer()
        for code, kind, value in ((5, 'u', serial), (4, 's', error), (8, 'g', signature)):
            if value:
                fields.align(8)
                fields.data += bytes([code])
                fields.variant(kind, value)
        head = struct.pack('<BBBBIII', ord('l'), 3 if error else 2, 1, 1, len(body), serial, len(fields.data)) + fields.data
        return head + bytes(-len(head) % 8) + body

    # -- what is asked --

    def _row(self, name):
        unit = self.units.get(name, Unit('not-found', 'inactive', 'dead'))
        return name, name, unit.load, unit.active, unit.sub, '', '/', unit.job, '', '/'

    def _call(self, header, body):
        member, path = header[3], header.get(1, '')
        out = Writer()
        if member == 'Hello':
            out.put('s', ':1.1')
            return 's', out.data
        if member == 'ListUnitsByNames':
            out.array('ssssssouso', [self._row(name) for name in body.texts()])
            return 'a(ssssssouso)', out.data
        if member == 'ListUnitsByPatterns':
            body.texts()
            patterns = body.texts()
            out.array('ssssssouso', [self._row(n) for n in self.units if any(fnmatch.fnmatch(n, p) for p in patterns)])
            return 'a(ssssssouso)', out.data
        if member == 'ListUnitFilesByPatterns':
            out.array('ss', [])
            return 'a(ss)', out.data
        if member == 'Get':
            return self._property(path, body)
        out.put('s', f'no such method: {member}')
        return 's', out.data, 'org.freedesktop.DBus.Error.UnknownMethod'

    def _property(self, path, body):
        _, name = body.text(), body.text()
        out = Writer()
        if name == 'Environment':
            rows = Writer()
            out.put('g', 'as')
            out.align(4)
            for key, value in self.environment.items():
                rows.put('s', f'{key}={value}')
            out.data += struct.pack('<I', len(rows.data)) + rows.data
            return 'v', out.data
        unit = next((u for n, u in self.units.items() if path.endswith('/' + escape(n))), Unit())
        kind, value = {'StatusText': ('s', unit.status), 'Result': ('s', unit.result), 'ConditionResult': ('b', unit.condition),
                       'MainPID': ('u', unit.pid), 'Restart': ('s', unit.restart), 'NRestarts': ('u', unit.restarts),
                       'MemoryCurrent': ('t', unit.memory), 'ActiveEnterTimestampMonotonic': ('t', int(unit.since * 1e6))}[name]
        out.variant(kind, value)
        return 'v', out.data


def escape(name):
    """As systemd writes a unit's name into an object's path."""
    return ''.join(c if c.isalnum() else f'_{ord(c):02x}' for c in name)
