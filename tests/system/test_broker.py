# SPDX-License-Identifier: GPL-3.0-or-later
"""A RabbitMQ that comes up a minute after everybody else, as it does on hosts that boot slowly."""
import ctypes
import os
import shutil
import socket
import sys
import threading
import time

import pytest

from machine import TOP, wait_for

sys.path.append(os.path.join(TOP, 'tests/integration'))

SERVICE = 'wazo-suite-confd.service'
CLONE_NEWNET = 0x40000000
LATE = 60


class Door:
    """A port on the machine's loopback that leads to one of this host's, from its opening on."""

    def __init__(self, machine, port, target):
        self.target = target
        opener = threading.Thread(target=self._open, args=(machine.leader, port))
        opener.start()
        opener.join()
        threading.Thread(target=self._accept, daemon=True).start()

    def _open(self, leader, port):
        # Of this thread alone; the socket stays where it was made.
        fd = os.open(f'/proc/{leader}/ns/net', os.O_RDONLY)
        assert ctypes.CDLL(None).setns(fd, CLONE_NEWNET) == 0
        os.close(fd)
        self.listener = socket.create_server(('127.0.0.1', port))

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(('127.0.0.1', self.target))
            for pair in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=pair, daemon=True).start()

    @staticmethod
    def _copy(source, to):
        try:
            while data := source.recv(65536):
                to.sendall(data)
            to.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            to.close()

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.mark.skipif(not shutil.which('rabbitmq-server'), reason='there is no rabbitmq-server')
def test_a_broker_that_is_late_at_boot(confd):
    import rabbitmq

    confd.write('/etc/wazo-confd/conf.d/50-bus.yml',
                f'bus: {{enabled: true, host: 127.0.0.1, username: {rabbitmq.USER}, password: {rabbitmq.PASSWORD}}}\n')
    confd.reboot()
    booted = time.monotonic()
    confd.wait_ready(60)
    # It is up without it, serves, and says what is missing.
    assert confd.curl('POST', '/users', {'firstname': 'Ada'})[0] == 201
    wait_for(lambda: 'RabbitMQ' in confd.sh('wazo-suite status') and 'Connection refused' in confd.sh('wazo-suite status'), 20)
    with rabbitmq.Broker() as broker:
        observer = broker.observe('wazo-headers')
        time.sleep(max(0, LATE - (time.monotonic() - booted)))
        assert confd.active(SERVICE) == 'active'
        door = Door(confd, 5672, broker.port)
        try:
            # Nobody does anything: it notices, and what happened meanwhile is told.
            names = [message.name for message in observer.take(1, seconds=120)]
            assert 'user_created' in names
            assert confd.curl('POST', '/users', {'firstname': 'Charles'})[0] == 201
            observer.take(1, seconds=30)
        finally:
            door.close()
    assert confd.show(SERVICE, 'NRestarts', 'ActiveState') == {'NRestarts': '0', 'ActiveState': 'active'}
