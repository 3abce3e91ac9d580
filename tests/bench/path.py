# SPDX-License-Identifier: GPL-3.0-or-later
"""The HTTP path: a small answer made by a plugin worker, against bare libmicrohttpd's constant of the same size."""
import http.client
import os
import re
import shutil
import subprocess

from figures import median
from service import TOOLS, free_port, running

SECTION = 'HTTP path'
CONNECTIONS = 16
ROUNDS = 5
SECONDS = 2


def wrk(port, path, token=None):
    """Requests a second; an answer that is no success is an error."""
    argv = ['wrk', '-t1', f'-c{CONNECTIONS}', f'-d{SECONDS}s', '--latency']
    if token:
        argv += ['-H', 'X-Auth-Token: ' + token]
    text = subprocess.run(argv + [f'http://127.0.0.1:{port}{path}'], check=True, capture_output=True, text=True).stdout
    if 'Non-2xx' in text or 'Socket errors' in text:
        raise RuntimeError('requests failed:\n' + text)
    latency = {}
    for percent, value, unit in re.findall(r'^\s+(\d+)%\s+([\d.]+)(us|ms|s)$', text, re.M):
        latency[int(percent)] = float(value) * {'us': 0.001, 'ms': 1, 's': 1000}[unit]
    return float(re.search(r'Requests/sec:\s+([\d.]+)', text).group(1)), latency


def size_of_answer(service):
    connection = http.client.HTTPConnection('127.0.0.1', service.port, timeout=10)
    connection.request('GET', '/1.1/infos', headers={'X-Auth-Token': service.token})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    if response.status != 200:
        raise RuntimeError(f'GET /1.1/infos: {response.status} {body!r}')
    return len(body)


def measure(figures):
    if not shutil.which('wrk'):
        figures.note('the HTTP path was not measured: wrk is missing')
        return
    with running() as service:
        bare_port = free_port()
        bare = subprocess.Popen([os.path.join(TOOLS, 'bench-bare-http'), str(bare_port), str(size_of_answer(service))],
                                stdout=subprocess.PIPE)
        try:
            bare.stdout.readline()
            ours, theirs, p99 = [], [], []
            for _ in range(ROUNDS):
                theirs.append(wrk(bare_port, '/')[0])
                rate, latency = wrk(service.port, '/1.1/infos', service.token)
                ours.append(rate)
                p99.append(latency.get(99, 0.0))
        finally:
            bare.kill()
            bare.wait()
    ratio = median([a / b for a, b in zip(ours, theirs)])
    figures.add(SECTION, f'GET /1.1/infos, {CONNECTIONS} connections', median(ours), '/s', median(theirs))
    figures.add(SECTION, 'median of the ratios of each round', ratio, '', at_least=0.4)
    figures.add(SECTION, '99 % of them within', median(p99), 'ms')
