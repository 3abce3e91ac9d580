#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs @SERVICE@ with what was built, in a temporary folder and on a free port, and uses it as its clients do.

The programs are those of $PATH. Root runs the service as the user nobody.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SERVICE, PLUGIN, URL = '@SERVICE@', '@PLUGIN@', '@PREFIX@/@PLURAL@'
SECONDS = 60


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Running:
    """The service; everything that it has is below one folder."""

    def __init__(self):
        self.home = tempfile.mkdtemp()
        os.chmod(self.home, 0o755)
        self.dir, self.port = os.path.join(self.home, 'dev'), free_port()
        words = ['wazo-supervisord', '--dev', self.dir, '--port', str(self.port), '--plugin-dir', self.copy('plugins', 'build/plugins', 'build')]
        if os.path.isdir(os.path.join(HERE, 'services.d')):
            words += ['--services-dir', self.copy('services.d', 'services.d')]
        if os.geteuid() == 0:
            words += ['--user', 'nobody']
        self.process = subprocess.Popen(words + [SERVICE], stdin=subprocess.DEVNULL)

    def wait(self):
        self.suite('status', '--wait', str(SECONDS), '--check')
        with open(os.path.join(self.dir, 'token'), encoding='ascii') as file:
            self.token = file.read().strip()

    def copy(self, name, *sources):
        """The first of these folders that is there, where any user can read it."""
        source = next(s for s in (os.path.join(HERE, s) for s in sources) if os.path.isdir(s))
        to = os.path.join(self.home, name)
        os.mkdir(to)
        os.chmod(to, 0o755)
        for entry in os.listdir(source):
            if entry.endswith(('.so', '.json', '.yml')):
                os.chmod(shutil.copy(os.path.join(source, entry), to), 0o644)
        return to

    def suite(self, *words):
        done = subprocess.run(['wazo-suite', '--dev', self.dir, '--json', *words], stdout=subprocess.PIPE, timeout=2 * SECONDS, check=True)
        return json.loads(done.stdout)

    def ask(self, method, path, body=None, token=None):
        """(status, what the body says)"""
        request = urllib.request.Request(f'http://127.0.0.1:{self.port}{path}', method=method, headers={
            'Content-Type': 'application/json', 'X-Auth-Token': self.token if token is None else token})
        try:
            with urllib.request.urlopen(request, json.dumps(body).encode() if body is not None else None, timeout=SECONDS) as answer:
                status, text = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                status, text = error.code, error.read()
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text.decode()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(2 * SECONDS)
        finally:
            self.process.kill()
            shutil.rmtree(self.home, ignore_errors=True)
        if code != 0:
            raise AssertionError(f'{SERVICE} ended with {code}')


class Test(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.service = Running()
        cls.addClassCleanup(cls.service.stop)
        cls.service.wait()
        cls.ask = cls.service.ask

    def test_its_life(self):
        status, made = self.ask('POST', URL, {'name': 'first', 'description': 'Of many'})
        self.assertEqual((status, made['name']), (201, 'first'))
        one = f'{URL}/{made["id"]}'
        self.assertEqual(self.ask('GET', one), (200, made))
        self.assertEqual(self.ask('GET', f'{URL}?search=many&order=name'), (200, {'total': 1, 'items': [made]}))
        self.assertEqual(self.ask('PUT', one, {'name': 'renamed'})[0], 204)
        self.assertEqual(self.ask('GET', one)[1]['name'], 'renamed')
        self.assertEqual(self.ask('DELETE', one)[0], 204)
        self.assertEqual(self.ask('GET', one)[0], 404)

    def test_what_is_refused(self):
        self.assertEqual(self.ask('GET', URL, token='wrong')[0], 401)
        self.assertEqual(self.ask('POST', URL, {})[0], 400)
        self.assertEqual(self.ask('POST', URL, {'name': 'x' * 129})[0], 400)
        self.assertEqual(self.ask('POST', URL, {'name': 'taken'})[0], 201)
        self.assertEqual(self.ask('POST', URL, {'name': 'taken'})[0], 400)

    def test_its_document(self):
        status, document = self.ask('GET', f'{URL.rpartition("/")[0]}/api/api.yml')
        self.assertEqual(status, 200)
        self.assertIn(URL[URL.rindex('/'):] + ':', document.replace('"', ''))

    def test_its_events(self):
        status, made = self.ask('POST', URL, {'name': 'told'})
        self.assertEqual(status, 201)
        # It is there with the change, and told when relay has sent it.
        until = time.monotonic() + SECONDS
        told = []
        while not told and time.monotonic() < until:
            told = [event for event in self.service.suite('events')['events']
                    if event['name'] == f'{PLUGIN}_created' and event['payload']['data'] == {'id': made['id'], 'name': 'told'}]
            time.sleep(0.05)
        self.assertEqual(len(told), 1)

    def test_its_process_may_die(self):
        status, made = self.ask('POST', URL, {'name': 'survivor'})
        self.assertEqual(status, 201)
        [worker] = [worker for worker in self.service.suite('status')['workers'] if worker['name'] == PLUGIN]
        os.kill(worker['pid'], signal.SIGKILL)
        self.assertEqual(self.ask('GET', f'{URL}/{made["id"]}'), (200, made))


if __name__ == '__main__':
    unittest.main()
