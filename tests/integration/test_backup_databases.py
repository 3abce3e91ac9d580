# SPDX-License-Identifier: GPL-3.0-or-later
"""wazo-backup and databases: SQLite and PostgreSQL while they are written, and back."""
import contextlib
import os
import pathlib
import sqlite3
import subprocess
import threading
import time

import pytest

import backup
import harness
import postgresql

root_only = pytest.mark.skipif(not harness.ROOT, reason='only root has other users')
CONFD = 'var/lib/wazo-confd/db/confd.sqlite'
ASTDB = 'var/lib/asterisk/astdb.sqlite3'
UUID = '5b3bd2b7-ea41-4f1e-9f1b-4e5b7e9c3f10'


@pytest.fixture
def host(tmp_path):
    return backup.Host(tmp_path / 'host')


@pytest.fixture
def base(tmp_path):
    return str(tmp_path / 'db')


def database(host, name, wal=True, owner=None):
    """A connection to a new one, whose rows come in pairs that add up to nothing."""
    host.write(name, owner=owner)
    if owner and harness.ROOT:
        os.chown(os.path.dirname(host.path(name)), host.users[owner], host.users[owner])
    db = sqlite3.connect(host.path(name), check_same_thread=False, isolation_level=None, timeout=60)
    if wal:
        db.execute('PRAGMA journal_mode=WAL')
    db.execute('CREATE TABLE pairs (n INTEGER)')
    return db


def saved(archive, name, tmp_path):
    copy = str(tmp_path / 'copy.sqlite')
    with open(copy, 'wb') as file:
        file.write(backup.content(archive, name))
    db = sqlite3.connect(copy)
    assert db.execute('PRAGMA integrity_check').fetchone() == ('ok',)
    return db


@pytest.mark.parametrize('wal', [True, False], ids=['wal', 'journal'])
def test_sqlite_while_it_is_written(host, base, tmp_path, wal):
    db = database(host, CONFD, wal)
    db.execute('CREATE TABLE ballast (b)')
    db.execute('INSERT INTO ballast VALUES (randomblob(8000000))')
    ended = threading.Event()

    def write():
        n = 0
        while not ended.is_set():
            n += 1
            db.execute('BEGIN IMMEDIATE')
            db.execute('INSERT INTO pairs VALUES (?)', (n,))
            db.execute('INSERT INTO pairs VALUES (?)', (-n,))
            db.execute('COMMIT')
            time.sleep(0.001)

    writer = threading.Thread(target=write)
    writer.start()
    with contextlib.closing(sqlite3.connect(host.path(CONFD), timeout=60)) as reader:
        harness.wait_for(lambda: reader.execute('SELECT count(*) FROM pairs').fetchone() > (0,))
    try:
        done = host.backup('db', base)
    finally:
        ended.set()
        writer.join()
    assert done.returncode == 0 and done.stderr == ''
    rows, total = saved(base + '.tgz', CONFD, tmp_path).execute('SELECT count(*), sum(n) FROM pairs').fetchone()
    assert rows % 2 == 0 and rows > 0 and total == 0
    assert backup.names(base + '.tgz') == [CONFD]


def test_what_is_only_in_the_journal_is_saved(host, base, tmp_path):
    db = database(host, CONFD)
    db.execute('PRAGMA wal_autocheckpoint=0')
    db.execute('INSERT INTO pairs VALUES (42)')
    assert b'pairs' not in open(host.path(CONFD), 'rb').read()
    assert host.backup('db', base).returncode == 0
    assert saved(base + '.tgz', CONFD, tmp_path).execute('SELECT n FROM pairs').fetchall() == [(42,)]


def test_sqlite_databases_among_the_files(host, base, tmp_path):
    """Nobody has to say that a file is one; its journals are not saved, since the copy needs none."""
    db = database(host, ASTDB)
    db.execute('PRAGMA wal_autocheckpoint=0')
    db.execute('INSERT INTO pairs VALUES (7)')
    host.write('var/lib/asterisk/lonely-wal', 'a file like others')
    database(host, CONFD)
    assert host.exists(ASTDB + '-wal')
    done = host.backup('data', base)
    assert done.returncode == 0 and done.stderr == ''
    members = backup.names(base + '.tgz')
    assert ASTDB in members and ASTDB + '-wal' not in members and ASTDB + '-shm' not in members
    assert 'var/lib/asterisk/lonely-wal' in members
    assert CONFD not in members
    assert saved(base + '.tgz', ASTDB, tmp_path).execute('SELECT n FROM pairs').fetchall() == [(7,)]


def test_what_only_looks_like_a_database_is_a_file(host, base):
    host.write(ASTDB, b'SQLite format 3\0' + b'x' * 5000)
    done = host.backup('data', base)
    assert done.returncode == 0 and f'warning: {ASTDB}: saved as a file' in done.stderr
    assert len(backup.content(base + '.tgz', ASTDB)) == 5016


def test_a_database_that_cannot_be_saved_is_no_archive(host, base):
    host.write(CONFD, b'SQLite format 3\0' + b'x' * 5000)
    done = host.backup('db', base)
    assert done.returncode == 1 and CONFD in done.stderr
    assert not os.path.exists(base + '.tgz')


def test_no_database_is_no_archive(host, base):
    done = host.backup('db', base)
    assert done.returncode == 1 and not os.path.exists(base + '.tgz')


@root_only
def test_the_copy_is_made_by_the_owner(host, base):
    """Root opens no file that a service has prepared: what the owner cannot read is not read."""
    for folder in [host.top, *map(str, pathlib.Path(host.top).parents)][:4]:
        os.chmod(folder, 0o755)
    database(host, CONFD, wal=False, owner='wazo-confd').close()
    host.write('root/secret.sqlite', owner='root')
    db = sqlite3.connect(host.path('root/secret.sqlite'))
    db.execute('CREATE TABLE secret (s)')
    db.close()
    os.chmod(host.path('root/secret.sqlite'), 0o600)
    assert host.backup('db', base).returncode == 0
    for name in os.listdir(os.path.dirname(host.path(CONFD))):
        assert host.owner(os.path.dirname(CONFD) + '/' + name)[0] == 'wazo-confd'
    os.unlink(host.path(CONFD))
    os.symlink('/root/secret.sqlite', host.path(CONFD))
    assert host.backup('db', base + '2').returncode == 1


# ---- back ----

def test_sqlite_comes_back(host, base, tmp_path):
    db = database(host, CONFD)
    db.execute('INSERT INTO pairs VALUES (1)')
    assert host.backup('db', base).returncode == 0
    db.execute('INSERT INTO pairs VALUES (2)')

    before = host.tree()
    done = host.backup('restore', base + '.tgz')
    assert done.returncode == 1 and f'{CONFD} is in use, by ' in done.stderr and f'({os.getpid()})' in done.stderr
    assert host.tree() == before
    assert db.execute('SELECT n FROM pairs').fetchall() == [(1,), (2,)]

    db.close()
    # What a process that was killed leaves behind.
    host.write(CONFD + '-wal', 'old')
    host.write(CONFD + '-journal', 'old')
    done = host.backup('restore', base + '.tgz')
    assert done.returncode == 2, done.stderr
    assert os.listdir(os.path.dirname(host.path(CONFD))) == ['confd.sqlite']
    db = sqlite3.connect(host.path(CONFD))
    assert db.execute('SELECT n FROM pairs').fetchall() == [(1,)]


# ---- PostgreSQL ----

@pytest.fixture(scope='module')
def cluster():
    if not postgresql.binaries():
        pytest.skip('there is no PostgreSQL here')
    cluster = postgresql.Cluster()
    yield cluster
    cluster.close()


@pytest.fixture
def asterisk(cluster):
    """Wazo's database, with a little of everything."""
    for name in ('asterisk', 'asterisk_previous', 'asterisk_restoring'):
        cluster.sql(f'DROP DATABASE IF EXISTS {name}', 'postgres')
    cluster.sql('DROP ROLE IF EXISTS asterisk; CREATE ROLE asterisk LOGIN', 'postgres')
    cluster.sql("CREATE DATABASE asterisk TEMPLATE template0 OWNER asterisk ENCODING 'UTF8'", 'postgres')
    cluster.sql(f'''
        CREATE TABLE infos (uuid varchar(38) PRIMARY KEY, wazo_version varchar(64)); INSERT INTO infos VALUES ('{UUID}', '24.10');
        CREATE TABLE userfeatures (id serial PRIMARY KEY, firstname text); INSERT INTO userfeatures (firstname) VALUES ('Zoë'), ('Ann');
        CREATE TABLE auth_acl (id int); INSERT INTO auth_acl VALUES (1);
        CREATE TABLE auth_token (id int); INSERT INTO auth_token VALUES (1);
        CREATE TABLE netiface (id int, address text); INSERT INTO netiface VALUES (1, '192.0.2.1');
        CREATE TABLE resolvconf (id int, hostname text); INSERT INTO resolvconf VALUES (1, 'pbx');
        CREATE TABLE dhcp (id int, active int); INSERT INTO dhcp VALUES (1, 0);
        ALTER TABLE infos OWNER TO asterisk; ALTER TABLE userfeatures OWNER TO asterisk''')
    return cluster


def env(cluster):
    # Root becomes the user postgres, as ever; anybody else is who he is, and says as whom he connects.
    return {'PGHOST': cluster.dir, **({} if harness.ROOT else {'PGUSER': 'postgres'})}


def save(host, base, cluster):
    done = host.backup('db', base, env=env(cluster))
    assert done.returncode == 0 and done.stderr == '', done.stderr
    return base + '.tgz'


def test_postgresql_is_saved_as_ever(asterisk, host, base, tmp_path):
    archive = save(host, base, asterisk)
    assert backup.names(archive) == ['pg-backup/asterisk-24.10.dump']
    dump = tmp_path / 'dump'
    dump.write_bytes(backup.content(archive, 'pg-backup/asterisk-24.10.dump'))
    listed = subprocess.run(['pg_restore', '-l', dump], check=True, text=True, stdout=subprocess.PIPE).stdout
    assert 'TABLE DATA public userfeatures' in listed and 'TABLE public auth_acl' in listed
    assert 'TABLE DATA public auth_acl' not in listed and 'TABLE DATA public auth_token' not in listed


def test_both_kinds_in_one_archive(asterisk, host, base):
    database(host, CONFD)
    assert backup.names(save(host, base, asterisk)) == ['pg-backup/asterisk-24.10.dump', CONFD]


def test_a_failed_dump_is_no_archive(asterisk, host, base):
    asterisk.sql('DROP DATABASE asterisk', 'postgres')
    done = host.backup('db', base, env=env(asterisk))
    assert done.returncode == 1 and 'database asterisk: pg_dump: ' in done.stderr
    assert not os.path.exists(base + '.tgz')


def restore(host, archive, cluster, *options, code=2):
    done = host.backup('restore', *options, archive, env=env(cluster))
    assert done.returncode == code, (done.stdout, done.stderr)
    return done


def change(cluster):
    cluster.sql("UPDATE infos SET uuid = 'other'; INSERT INTO userfeatures (firstname) VALUES ('Eve'); CREATE TABLE later (id int);"
                "UPDATE netiface SET address = '198.51.100.1'; UPDATE resolvconf SET hostname = 'new'; UPDATE dhcp SET active = 1")


def test_postgresql_comes_back(asterisk, host, base):
    archive = save(host, base, asterisk)
    change(asterisk)
    host.write('etc/systemd/system.conf', '[Manager]\n#DefaultEnvironment=\nDefaultEnvironment="A=b" XIVO_UUID=old C=d\nLogLevel=info\n')
    done = restore(host, archive, asterisk)
    assert asterisk.sql('SELECT firstname FROM userfeatures ORDER BY id') == ['Zoë', 'Ann']
    assert asterisk.sql("SELECT count(*) FROM pg_tables WHERE tablename = 'later'") == ['0']
    assert asterisk.sql('SELECT address FROM netiface') == ['192.0.2.1']
    owner = "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate FROM pg_database WHERE datname = 'asterisk'"
    assert asterisk.sql(owner) == ['asterisk|UTF8|C.UTF-8']
    assert asterisk.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'infos'") == ['asterisk']
    # The one that was there is not lost.
    assert 'asterisk_previous' in done.stdout
    assert asterisk.sql('SELECT uuid FROM infos', 'asterisk_previous') == ['other']
    # The platform's identity is the restored one.
    assert host.read('etc/profile.d/xivo_uuid.sh') == f'export XIVO_UUID={UUID}\n'
    assert host.read('etc/systemd/system.conf') == f'[Manager]\n#DefaultEnvironment=\nDefaultEnvironment="A=b" XIVO_UUID={UUID} C=d\nLogLevel=info\n'
    assert 'TO DO: XIVO_UUID in the environment of running systemd' in done.stdout
    restore(host, archive, asterisk)


def test_the_hosts_own_network_stays(asterisk, host, base):
    archive = save(host, base, asterisk)
    change(asterisk)
    restore(host, archive, asterisk, '--keep-system')
    assert asterisk.sql('SELECT firstname FROM userfeatures ORDER BY id') == ['Zoë', 'Ann']
    assert asterisk.sql('SELECT address FROM netiface') == ['198.51.100.1']
    assert asterisk.sql('SELECT hostname FROM resolvconf') == ['new']
    assert asterisk.sql('SELECT active FROM dhcp') == ['1']


def test_it_refuses_while_clients_are_connected(asterisk, host, base):
    archive = save(host, base, asterisk)
    change(asterisk)
    client = asterisk.connect()
    try:
        done = restore(host, archive, asterisk, code=1)
        assert 'database asterisk is in use, by telephone (' in done.stderr
        assert asterisk.sql('SELECT count(*) FROM userfeatures') == ['3']
    finally:
        client.communicate()
    deadline = time.monotonic() + 60
    while asterisk.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'asterisk'", 'postgres') != ['0']:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    restore(host, archive, asterisk)


def test_postgresql_on_a_host_without_it(asterisk, host, base):
    archive = save(host, base, asterisk)
    asterisk.sql('DROP DATABASE asterisk', 'postgres')
    done = restore(host, archive, asterisk)
    assert 'asterisk_previous' not in done.stdout
    assert asterisk.sql('SELECT firstname FROM userfeatures ORDER BY id') == ['Zoë', 'Ann']
    assert asterisk.sql("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'asterisk'") == ['asterisk']


def test_a_dump_that_cannot_be_restored_changes_nothing(asterisk, host, base, tmp_path):
    archive = backup.make(tmp_path / 'bad.tgz', ('pg-backup/asterisk-24.10.dump', b'PGDMP no dump'))
    done = restore(host, archive, asterisk, code=1)
    assert 'database asterisk: pg_restore: ' in done.stderr
    assert asterisk.sql('SELECT firstname FROM userfeatures ORDER BY id') == ['Zoë', 'Ann']
    assert asterisk.sql("SELECT datname FROM pg_database WHERE datname LIKE 'asterisk%'", 'postgres') == ['asterisk']


def test_a_dump_of_no_service_is_left_alone(asterisk, host, tmp_path):
    archive = backup.make(tmp_path / 'bad.tgz', ('pg-backup/postgres-24.10.dump', b'x'), ("pg-backup/a'; DROP-24.10.dump", b'x'))
    done = restore(host, archive, asterisk)
    assert 'TO DO: pg-backup/postgres-24.10.dump: it is of no database that a service has' in done.stdout


def test_todays_archive_comes_back(asterisk, host, tmp_path):
    os.makedirs(tmp_path / 'pg-backup')
    with open(tmp_path / 'pg-backup/asterisk-24.10.dump', 'wb') as file:
        subprocess.run(['pg_dump', '-Fc', '-U', 'postgres', 'asterisk', '-T', 'nothing'], check=True, stdout=file, env=asterisk.env)
    archive = str(tmp_path / 'today.tgz')
    subprocess.run(['tar', 'czf', archive, '-C', tmp_path, 'pg-backup'], check=True)
    assert 'db of an unnamed host, version 24.10; without an index' in backup.run('verify', archive).stdout
    change(asterisk)
    restore(host, archive, asterisk)
    assert asterisk.sql('SELECT firstname FROM userfeatures ORDER BY id') == ['Zoë', 'Ann']
    other = backup.Host(tmp_path / 'other', version='24.11')
    restore(other, archive, asterisk, code=1)


def test_dry_run_of_a_database(asterisk, host, base):
    archive = save(host, base, asterisk)
    change(asterisk)
    done = restore(host, archive, asterisk, '--dry-run', code=0)
    assert '~ database asterisk, from pg-backup/asterisk-24.10.dump; the one that is there becomes asterisk_previous' in done.stdout
    assert asterisk.sql('SELECT count(*) FROM userfeatures') == ['3']
