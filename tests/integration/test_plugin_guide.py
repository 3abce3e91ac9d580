# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/plugin-guide.md, followed to the letter, and its example: out of tree, with what an installation has."""
import json
import os
import subprocess

import pytest

import documents
import harness

GUIDE = 'docs/plugin-guide.md'


@pytest.fixture(scope='module')
def installation():
    return documents.Installation()


def compile_plugin(installation, source, to):
    flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'wazo-plugin'], env={**os.environ, **installation.environment,
                           'PATH': os.environ['PATH']}, check=True, capture_output=True, text=True).stdout.split()
    done = subprocess.run(['gcc', '-std=gnu17', '-Wall', '-fPIC', '-shared', '-o', to + '.new', source, *flags], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, ''), done.stderr
    os.chmod(to + '.new', 0o755)
    os.rename(to + '.new', to)


def test_guide(installation):
    directory = documents.folder()
    [source] = documents.blocks(GUIDE, 'c')
    with open(os.path.join(directory, 'note.c'), 'w', encoding='utf-8') as file:
        file.write(source)
    output = documents.run_blocks(documents.blocks(GUIDE, 'sh'), directory, harness.NOBODY, PORT=str(harness.free_port()),
                                  **installation.environment)
    assert 'warning' not in output.split('"plugin"')[0], output
    note, _, rest = output[output.index('{"id": 1,'):].partition('}]}')
    note = json.loads(note + '}]}')
    assert (note['title'], note['body']) == ('Call Ada', 'about the engine')
    listed, _ = json.JSONDecoder().raw_decode(rest[rest.index('{"total"'):])
    assert listed == {'total': 1, 'items': [note]}


def test_installed(installation):
    """Beside the others, enabled by the configuration: the words of the guide that only root can follow."""
    directory = documents.folder()
    with open(os.path.join(directory, 'note.c'), 'w', encoding='utf-8') as file:
        file.write(documents.blocks(GUIDE, 'c')[0])
    compile_plugin(installation, os.path.join(directory, 'note.c'), os.path.join(directory, 'note.so'))
    [install] = documents.blocks(GUIDE, 'console')
    os.makedirs(os.path.join(directory, 'confd/etc'))
    with open(os.path.join(directory, 'confd/etc/config.yml'), 'w', encoding='utf-8') as file:
        file.write('enabled_plugins: {note: true}\n')
    if harness.ROOT:
        subprocess.run(['chown', '-R', f'{harness.NOBODY}:{harness.NOBODY}', directory], check=True)
    documents.run_blocks([line.removeprefix('# ') for line in install.splitlines()], directory, None, **installation.environment)
    try:
        blocks = documents.blocks(GUIDE, 'sh')
        start = [blocks[2].replace(' --plugin-dir .', '')]
        assert 'Call Ada' in documents.run_blocks(start + blocks[3:], directory, harness.NOBODY, PORT=str(harness.free_port()),
                                                  **installation.environment)
    finally:
        for suffix in ('.so', '.json'):
            os.unlink(os.path.join(installation.plugins, 'note' + suffix))


def test_example(installation, make_service):
    """The same plugin, grown, takes the place of the first under a running service."""
    source = os.path.join(documents.folder(), 'note.c')
    with open(source, 'w', encoding='utf-8') as file:
        file.write(documents.blocks(GUIDE, 'c')[0])
    service = make_service(start=False)
    service.plugin_dir = documents.folder()
    shared = os.path.join(service.plugin_dir, 'note.so')
    compile_plugin(installation, source, shared)
    service.start()
    assert service.post('/notes', {'title': 'First'}).json['body'] is None

    service.config('plugins: {note: {most: 2}}')
    compile_plugin(installation, os.path.join(harness.TOP, 'docs/examples/note.c'), shared)
    before = service.pids()
    service.suite('reload', check=True)
    harness.wait_for(lambda: service.get('/notes/1').json.get('users') == [], message=lambda: service.log())
    assert service.pids()['user'] == before['user'], 'whom it does not concern stays'

    # A rule, a field's check, the hook, the secret.
    assert service.post('/notes', {'title': 'First'}).json == ["Resource Error - Note already exists ('title': 'First')"]
    assert service.post('/notes', {'title': 'x', 'pin': '12'}).status == 400
    second = service.post('/notes', {'title': 'Second', 'pin': '7391'})
    assert (second.status, second.json['body'], second.json['pin']) == (201, 'Second', '7391')
    service.wait_log('"pin": "<hidden>"')
    assert '"7391"' not in service.log()  # in quotes: a span's id may hold 7391
    # The setting.
    assert service.post('/notes', {'title': 'Third'}).json == ["Resource Error - There are too many notes ('most': 2)"]
    # The association, and the route by hand.
    user = service.post('/users', {'firstname': 'Ada'}).json
    assert service.put(f'/notes/2/users/{user["id"]}').status == 204
    assert service.get('/notes/2').json['users'] == [{'uuid': user['uuid'], 'firstname': 'Ada'}]
    assert service.put('/notes/2/users/99').status == 404
    assert service.get('/notes/2/text').body == b'Second'
    with service.database() as database:
        told = [row[1] for row in database.execute("SELECT id, name FROM outbox WHERE name LIKE 'note%' "
                                                   "UNION SELECT id, name FROM event_kept WHERE name LIKE 'note%' ORDER BY id")]
        assert database.execute("SELECT COUNT(*) FROM wazo_plugin_migration WHERE plugin = 'note'").fetchone() == (2,)
    assert told == ['note_created', 'note_user_associated']
