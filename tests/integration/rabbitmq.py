# SPDX-License-Identifier: GPL-3.0-or-later
"""A real RabbitMQ for the tests, in a temporary folder, on loopback and free ports, and somebody who listens to it.

    with Broker() as broker:
        observer = broker.observe('wazo-headers')
        ...
        for message in observer.take(3):
            print(message.name, message.headers, message.body)

Its Erlang is told what to do by erl_call, which takes milliseconds; rabbitmqctl takes seconds. Each Broker has a name, a
cookie, a home and an epmd of its own: others on this machine never meet it. It takes some seven seconds to start, and one
to stop and start the application alone, as rabbitmqctl stop_app does: the tests share one.
"""
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pika

from harness import NOBODY, ROOT, SLOW, free_port, run_as, wait_for

SERVER = '/usr/lib/rabbitmq/bin/rabbitmq-server'
USER, PASSWORD = 'wazo', 'b7-broker-secret'
STARTS = 3
ACK_EVERY = 500


def certificates(folder, name='localhost', address='127.0.0.1'):
    """Makes ca.crt, and broker.crt with broker.key signed by it."""
    def certtool(*words):
        subprocess.run(['certtool', *words], cwd=folder, check=True, capture_output=True, timeout=60)

    for file, lines in (('ca.cfg', 'cn = "CA of the tests"\nca\ncert_signing_key\nexpiration_days = 2\n'),
                        ('broker.cfg', f'cn = "{name}"\ndns_name = "{name}"\nip_address = "{address}"\nencryption_key\nsigning_key\n'
                                       'tls_www_server\nexpiration_days = 2\n')):
        with open(os.path.join(folder, file), 'w', encoding='ascii') as out:
            out.write(lines)
    for who in ('ca', 'broker'):
        certtool('--generate-privkey', '--key-type', 'ecdsa', '--outfile', f'{who}.key')
    certtool('--generate-self-signed', '--load-privkey', 'ca.key', '--template', 'ca.cfg', '--outfile', 'ca.crt')
    certtool('--generate-certificate', '--load-privkey', 'broker.key', '--template', 'broker.cfg', '--load-ca-certificate', 'ca.crt',
             '--load-ca-privkey', 'ca.key', '--outfile', 'broker.crt')
    for file in ('ca.crt', 'broker.crt', 'broker.key'):
        os.chmod(os.path.join(folder, file), 0o644)


class Broker:
    """Listens on port, and with TLS on tls_port; path('ca.crt') is what to trust."""

    START_SECONDS = 120  # when the machine is busy

    def __init__(self):
        self.home = tempfile.mkdtemp(prefix='wazo-rabbitmq-')
        os.chmod(self.home, 0o755)
        self.port, self.tls_port = free_port(), free_port()
        self._dist_port, self._epmd_port = free_port(), free_port()
        self._cookie = secrets.token_hex(16)
        self._name = f'wazo{secrets.token_hex(4)}'
        self._epmd = self.process = None
        self.stopped = False
        self._observers = []
        certificates(self.home)
        self._write('rabbitmq.conf', self._configuration())
        self._write('.erlang.cookie', self._cookie, 0o400)
        self._write('enabled_plugins', '[].\n')
        self._own()

    # -- files --

    def path(self, name):
        return os.path.join(self.home, name)

    def _write(self, name, text, mode=0o600):
        with open(self.path(name), 'w', encoding='utf-8') as file:
            os.fchmod(file.fileno(), mode)  # whatever umask is in force: Erlang refuses a cookie that others may read
            file.write(text)

    def _own(self):
        if ROOT:
            for name in ['.', *os.listdir(self.home)]:
                os.chown(self.path(name), NOBODY, NOBODY)

    def _configuration(self):
        lines = [f'listeners.tcp.1 = 127.0.0.1:{self.port}', f'default_user = {USER}', f'default_pass = {PASSWORD}',
                 'loopback_users = none', 'disk_free_limit.absolute = 1MB', 'log.console = false', 'log.file.level = warning',
                 'heartbeat = 60', f'listeners.ssl.1 = 127.0.0.1:{self.tls_port}',
                 f'ssl_options.cacertfile = {self.path("ca.crt")}', f'ssl_options.certfile = {self.path("broker.crt")}',
                 f'ssl_options.keyfile = {self.path("broker.key")}', 'ssl_options.verify = verify_none',
                 'ssl_options.fail_if_no_peer_cert = false']
        return '\n'.join(lines) + '\n'

    def log(self):
        text = ''
        for name in ('output', *sorted(os.listdir(self.path('log')) if os.path.isdir(self.path('log')) else [])):
            with contextlib.suppress(OSError):
                with open(self.path(name if name == 'output' else 'log/' + name), encoding='utf-8', errors='replace') as file:
                    text += file.read()
        return text

    # -- life --

    def _environment(self):
        # Two schedulers at most, and no busy waiting: the machine is the tests' too.
        erlang = '+S 2:2 +A 4 +sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}'
        return {
            'PATH': '/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LANG': 'C.UTF-8', 'HOME': self.home,
            'ERL_EPMD_PORT': str(self._epmd_port), 'ERL_EPMD_ADDRESS': '127.0.0.1', 'ERL_CRASH_DUMP_BYTES': '0',
            'RUNNING_UNDER_SYSTEMD': 'true', 'RABBITMQ_NODENAME': f'{self._name}@localhost',
            'RABBITMQ_CONF_ENV_FILE': '/dev/null', 'RABBITMQ_CONFIG_FILE': self.path('rabbitmq.conf'),
            'RABBITMQ_ADVANCED_CONFIG_FILE': self.path('none.config'), 'RABBITMQ_MNESIA_BASE': self.path('mnesia'),
            'RABBITMQ_GENERATED_CONFIG_DIR': self.path('config'), 'RABBITMQ_SCHEMA_DIR': self.path('schema'),
            'RABBITMQ_LOG_BASE': self.path('log'), 'RABBITMQ_ENABLED_PLUGINS_FILE': self.path('enabled_plugins'),
            'RABBITMQ_PID_FILE': self.path('pid'), 'RABBITMQ_DIST_PORT': str(self._dist_port),
            'RABBITMQ_FEATURE_FLAGS_FILE': self.path('feature_flags'), 'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': erlang,
        }

    def _launch(self, words):
        with open(self.path('output'), 'ab') as output:
            return subprocess.Popen(words, env=self._environment(), cwd=self.home, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                    **run_as(NOBODY))

    def launch(self):
        """Starts it, with what it kept, and does not wait."""
        assert self.process is None, 'it is running'
        if not self._epmd:
            self._epmd = self._launch(['epmd', '-port', str(self._epmd_port), '-address', '127.0.0.1'])
            wait_for(lambda: self._answers(self._epmd_port), 60)
        self.process = self._launch([SERVER])
        return self

    def start(self):
        """Starts it, with what it kept, and waits."""
        if self.stopped:
            self.stopped = False
            self.erl('rabbit:start()')
        else:
            self.launch()
        return self.wait()

    def wait(self):
        """Until it takes connections. When it ends instead, since a port was somebody else's at that moment, it is started again."""
        for _ in range(STARTS):
            if not self.process:
                self.launch()
            wait_for(lambda: self.process.poll() is not None or self._answers(self.port), self.START_SECONDS,
                     lambda: f'RabbitMQ does not start:\n{self.log()[-3000:]}', every=0.05)
            if self.process.poll() is None:
                return self
            code = self.process.returncode
            self._end_group(self.process.pid)
            self.process = None
        raise AssertionError(f'RabbitMQ ended with {code}, {STARTS} times:\n{self.log()[-3000:]}')

    @staticmethod
    def _answers(port):
        with socket.socket() as s:
            return s.connect_ex(('127.0.0.1', port)) == 0

    def stop(self):
        """As rabbitmqctl stop_app: its connections are closed, its ports too, and it keeps what is durable."""
        self._forget()
        self.erl('rabbit:stop()')
        self.stopped = True

    def kill(self):
        """As a power cut: only what it has confirmed is there afterwards."""
        self._forget()
        self.stopped = False
        self.process.kill()
        self.process.wait()
        self._end_group(self.process.pid)
        self.process = None

    def _forget(self):
        for observer in self._observers:
            observer.forget()

    @staticmethod
    def _end_group(pid):
        """Erlang's helpers (inet_gethost, erl_child_setup) are in its session."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)

    def freeze(self):
        """It keeps its connections, and says nothing any more."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        if self.process:
            self.kill()
        if self._epmd:
            self._epmd.kill()
            self._epmd.wait()
            self._epmd = None
        shutil.rmtree(self.home, ignore_errors=True)

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_):
        self.close()

    # -- commands --

    def erl(self, expressions):
        """Evaluates Erlang in the broker; the last value as text."""
        done = subprocess.run(['erl_call', '-c', self._cookie, '-address', f'localhost:{self._dist_port}', '-R', '-e'],
                              input=expressions + '.\n', env=self._environment(), capture_output=True, text=True, timeout=60 * SLOW)
        assert done.returncode == 0 and done.stdout.startswith('{ok, '), f'{expressions}: {done.stdout}{done.stderr}'
        return done.stdout[len('{ok, '):].rstrip()[:-1]

    def alarm(self, on=True):
        """The memory alarm: connections that publish are blocked, and told so."""
        which = '{resource_limit, memory, node()}'
        self.erl(f'rabbit_alarm:set_alarm({{{which}, []}})' if on else f'rabbit_alarm:clear_alarm({which})')

    def cut_connections(self):
        """connection.close to all of them, as an administrator does."""
        self._forget()
        self.erl('[rabbit_networking:close_connection(P, "cut by the test") || P <- rabbit_networking:connections()]')

    def password(self, password):
        self.erl(f'rabbit_auth_backend_internal:change_password(<<"{USER}">>, <<"{password}">>, <<"test">>)')

    def parameters(self):
        return pika.ConnectionParameters('127.0.0.1', self.port, '/', pika.PlainCredentials(USER, PASSWORD), heartbeat=0,
                                         blocked_connection_timeout=60 * SLOW, socket_timeout=60 * SLOW, stack_timeout=90 * SLOW)

    def settings(self, exchange, port=None, **more):
        """Of config.yml: a service that uses it."""
        pairs = {'host': '127.0.0.1', 'port': port or self.port, 'username': USER, 'password': PASSWORD, 'exchange_name': exchange, **more}
        return f'bus: {json.dumps(pairs)}\n'

    def observe(self, exchange='wazo-headers', **more):
        """An Observer of all that is published there; made before the first publish, or nothing hears it."""
        observer = Observer(self, exchange, **more)
        self._observers.append(observer)
        return observer


class Message:
    def __init__(self, method, properties, raw):
        self.raw, self.properties, self.headers = raw, properties, properties.headers or {}
        self.routing_key, self.redelivered = method.routing_key, method.redelivered
        try:
            self.body = json.loads(raw)
        except ValueError:
            self.body = None

    @property
    def name(self):
        return self.headers.get('name')

    def __repr__(self):
        return f'<{self.name} {self.routing_key} {self.raw[:200]!r}>'


class Observer:
    """A durable queue with everything that goes through an exchange: what was published while nobody looked, or before the
    broker was started again, is there too.

    arguments  of the queue: {'x-max-length': 5, 'x-overflow': 'reject-publish'}
    """

    def __init__(self, broker, exchange, arguments=None):
        self.broker, self.exchange, self.queue = broker, exchange, 'observer-' + secrets.token_hex(4)
        self.arguments = arguments or {}
        self._connection = self._channel = None
        self.declare()

    def declare(self):
        self.channel().exchange_declare(self.exchange, 'headers', durable=True)
        self._channel.queue_declare(self.queue, durable=True, arguments=self.arguments)
        self._channel.queue_bind(self.queue, self.exchange, arguments={'x-match': 'all'})

    def delete_exchange(self):
        self.channel().exchange_delete(self.exchange)

    def new_connection(self):
        return pika.BlockingConnection(self.broker.parameters())

    def channel(self):
        if not self._connection or not self._connection.is_open:
            self._connection = self.new_connection()
            self._channel = self._connection.channel()
        return self._channel

    def forget(self):
        """Its connection is gone, or about to be."""
        connection, self._connection = self._connection, None
        if connection:
            with contextlib.suppress(Exception):
                connection.close()

    def depth(self):
        return self.channel().queue_declare(self.queue, passive=True).method.message_count

    def purge(self):
        self.channel().queue_purge(self.queue)

    def take(self, n, seconds=60, more=0.0):
        """The next n messages, in their order. more: how long to wait for one too many."""
        found = self._read(seconds * SLOW, lambda taken: len(taken) >= n)
        if more:
            found += self._read(more)
        assert len(found) == n, f'{len(found)} of {n} messages: {found[-10:]}'
        return found

    def take_some(self, seconds):
        """All that is there, and whatever comes, until there is nothing for so long."""
        found = []
        while True:
            there = self.depth()
            piece = self.take(there) if there else self._read(seconds)
            if not piece:
                return found
            found += piece

    def _read(self, seconds, enough=lambda found: False):
        """For so long at most; what is there is taken first."""
        found, channel, last = [], self.channel(), 0
        until = time.monotonic() + seconds
        channel.basic_qos(prefetch_count=ACK_EVERY * 2)
        while not enough(found):
            method, properties, body = next(channel.consume(self.queue, inactivity_timeout=max(until - time.monotonic(), 0.01)))
            if not method:
                break
            found.append(Message(method, properties, body))
            last = method.delivery_tag
            if len(found) % ACK_EVERY == 0:
                channel.basic_ack(last, multiple=True)
                last = 0
        if last:
            channel.basic_ack(last, multiple=True)
        channel.cancel()  # what it was given beyond these goes back into the queue
        return found
