# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service owes to the outside after a request, compared with what it should: as rows of the outbox, or as those see
it for whom it is meant."""
import http.server
import json
import threading
import time
import urllib.parse

from harness import SLOW, Timeout
from rest import MASTER, TIMESTAMP, Database

SYSCONFD = ('dialplan reload', 'module reload res_pjsip.so', 'module reload chan_sccp.so', 'module reload app_queue.so',
            'voicemail reload')
DIALPLAN, PJSIP, SCCP, QUEUE, VOICEMAIL = SYSCONFD


class Outbox:
    """Since the last look."""

    def __init__(self, service, origin):
        self.database, self.origin = Database(service), origin
        self.last = self.database.last_owed()

    def owed(self):
        """[(kind, name, routing key, headers, payload)]; it is owed still."""
        return self.database.owed_since(self.last)

    def skip(self):
        self.last = self.database.last_owed()

    def expect(self, reload, *events, calls=()):
        """@reload: the set of Asterisk's commands, or None; @events: (name, routing key, data[, user]) in order;
        @calls: (path, query) of sysconfd, between the two."""
        owed = self.owed()
        self.skip()
        shown = '\n'.join(map(str, owed))
        if reload is not None:
            kind, name, _, headers, payload = owed.pop(0)
            assert (kind, name, headers) == ('sysconfd', '/exec_request_handlers', {'method': 'POST'}), shown
            assert list(payload) == ['ipbx'], shown
            assert sorted(payload['ipbx']) == sorted(reload), shown
        for path, query in calls:
            assert owed.pop(0) == ('sysconfd', path, '', {'method': 'GET', 'query': query}, None), shown
        assert [row[1] for row in owed] == [event[0] for event in events], shown
        for (kind, name, key, headers, payload), (_, routing_key, data, *user) in zip(owed, events):
            assert kind == 'event'
            assert key == routing_key
            body = dict(headers)
            assert TIMESTAMP.fullmatch(headers.pop('timestamp'))
            assert headers == {'name': name, 'origin_uuid': self.origin, 'tenant_uuid': MASTER,
                               'required_access': 'event.' + name, 'required_acl': 'events.' + routing_key,
                               'user_uuid:' + (user[0] if user else '*'): True}
            assert payload.pop('data') == data
            assert payload == body, 'a body repeats the headers'


class Sysconfd:
    """Takes requests as wazo-sysconfd does, and keeps them. status: what it answers, or a list of what it answers next."""

    def __init__(self):
        self.requests, self.times, self.status, self.delay = [], [], 200, 0
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def answer(self):
                length = int(self.headers.get('Content-Length') or 0)
                body = self.rfile.read(length)
                path, _, query = self.path.partition('?')
                time.sleep(owner.delay)
                status = owner.status.pop(0) if isinstance(owner.status, list) and owner.status else owner.status or 200
                if status == 200:
                    owner.requests.append((self.command, path, dict(urllib.parse.parse_qsl(query)), json.loads(body) if body else None))
                    owner.times.append(time.monotonic())
                text = b'{"request_uuid": "1"}'
                self.send_response(status)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_DELETE = do_PUT = answer

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()


class Bus(Outbox):
    """The same, as a consumer of RabbitMQ and sysconfd get it."""

    def __init__(self, service, origin, observer, sysconfd):
        super().__init__(service, origin)
        self.observer, self.sysconfd = observer, sysconfd
        self._events, self._taken = [], 0
        self.skip()

    def _collect(self):
        """Until as much has come as was ever owed."""
        wanted = self.database.last_owed() - self.last
        until = time.monotonic() + 60 * SLOW
        while len(self._events) + len(self.sysconfd.requests) - self._taken < wanted:
            self._events += self.observer.take_some(0.05)
            if time.monotonic() > until:
                raise Timeout(f'{wanted} are owed, and have come: {self._events} {self.sysconfd.requests[self._taken:]}')

    def owed(self):
        self._collect()
        found = []
        for method, path, query, body in self.sysconfd.requests[self._taken:]:
            found.append(('sysconfd', path, '', {'method': method, **({'query': query} if query else {})}, body))
        for message in self._events:
            properties = message.properties
            assert (properties.content_type, properties.content_encoding, properties.delivery_mode) == ('application/json', 'utf-8', 2), \
                properties
            found.append(('event', message.name, message.routing_key, dict(message.headers), message.body))
        return found

    def skip(self):
        self._collect()
        self._events, self._taken = [], len(self.sysconfd.requests)
        super().skip()
