# SPDX-License-Identifier: GPL-3.0-or-later
"""What stands between a client and its server: a Proxy that can stop, cut and count, and an Impostor that is no such server."""
import contextlib
import selectors
import socket
import struct
import threading


def reset(connection):
    """Closed by RST, as when the host behind it is gone."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    connection.close()


class _Pair:
    def __init__(self, client, server):
        self.client, self.server = client, server
        self.open = True

    def close(self):
        self.open = False
        reset(self.client)
        reset(self.server)


class Proxy:
    """Forwards TCP from its port to another one of 127.0.0.1.

    up and down are what may still pass to the server, and back from it, in bytes: None for all, 0 for nothing. What may not
    pass stays where it is, as on a line that is dead.
    """

    def __init__(self, target, address='127.0.0.1'):
        self.target, self.up, self.down = target, None, None
        self.connections = self.refused = self.sent_up = self.sent_down = 0
        self._pairs, self._lock, self._end = [], threading.Lock(), False
        self._listener = socket.create_server((address, 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        self._listener.settimeout(0.01)
        while not self._end:
            with contextlib.suppress(OSError):
                self._accept()
            self._forward()

    def _accept(self):
        client, _ = self._listener.accept()
        try:
            server = socket.create_connection(('127.0.0.1', self.target), timeout=5)
        except OSError:
            self.refused += 1
            reset(client)
            return
        client.settimeout(5)
        with self._lock:
            self.connections += 1
            self._pairs.append(_Pair(client, server))

    def _forward(self):
        """All that is there now; waits a moment when there is nothing."""
        while not self._end:
            with self._lock, selectors.DefaultSelector() as selector:
                self._pairs = [pair for pair in self._pairs if pair.open]
                for pair in self._pairs:
                    for source, to, way in ((pair.client, pair.server, 'up'), (pair.server, pair.client, 'down')):
                        if getattr(self, way) != 0:
                            selector.register(source, selectors.EVENT_READ, (pair, to, way))
                ready = selector.select(0.002) if selector.get_map() else []
                for key, _ in ready:
                    self._pass(key.fileobj, *key.data)
            if not ready:
                return

    def _pass(self, source, pair, to, way):
        limit = getattr(self, way)
        if not pair.open or limit == 0:
            return
        try:
            data = source.recv(65536 if limit is None else min(limit, 65536))
            if data:
                to.sendall(data)
        except OSError:
            data = b''
        if not data:
            pair.close()
            return
        setattr(self, f'sent_{way}', getattr(self, f'sent_{way}') + len(data))
        if limit is not None:
            setattr(self, way, max(getattr(self, way) - len(data), 0))

    def say(self, data):
        """To all clients, as if the server did, between two pieces of what it says."""
        with self._lock:
            for pair in self._pairs:
                pair.client.sendall(data)

    def cut(self):
        """Resets all connections; new ones may come."""
        with self._lock:
            for pair in self._pairs:
                pair.close()
            self._pairs = []

    def close(self):
        self._end = True
        self._thread.join(10)
        self.cut()
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Impostor:
    """Listens, and says its text to whoever comes; then closes, unless it keeps the connection. None: says nothing, and keeps it."""

    def __init__(self, text=None, keep=False, wait=True):
        self.text, self.keep, self.wait, self.connections, self.heard = text, keep, wait, 0, b''
        self._kept, self._end = [], False
        self._listener = socket.create_server(('127.0.0.1', 0))
        self._listener.settimeout(0.1)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        while not self._end:
            with contextlib.suppress(OSError):
                client, _ = self._listener.accept()
                self.connections += 1
                client.settimeout(10)  # it says something first, however busy the machine is
                if self.wait:
                    self.heard += client.recv(4096)
                if self.text:
                    client.sendall(self.text)
                if self.keep or self.text is None:
                    self._kept.append(client)
                else:
                    client.close()

    def close(self):
        self._end = True
        self._thread.join(10)
        for client in self._kept:
            client.close()
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
