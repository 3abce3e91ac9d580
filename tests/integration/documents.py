# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documents tell their readers to do, and an installation to do it with."""
import atexit
import json
import os
import re
import shutil
import subprocess
import tempfile

import harness


def read(name):
    with open(os.path.join(harness.TOP, name), encoding='utf-8') as file:
        return file.read()


def blocks(name, language):
    """The code blocks of a document in this language, in order."""
    return re.findall(r'^```%s\n(.*?)^```$' % language, read(name), re.M | re.S)


def links(name):
    """The relative links of a document, without what is behind #."""
    return {link.split('#')[0] for link in re.findall(r'\]\(([^)]+)\)', read(name)) if '://' not in link and not link.startswith('#')}


def run_blocks(texts, directory, user, **environment):
    """Runs blocks of shell as one script that stops at the first error, ending what it left in the background."""
    end = 'trap \'r=$?; trap - EXIT; [ -z "${!:-}" ] || { kill $!; wait $! || r=$?; }; exit $r\' EXIT\n'
    path = environment.pop('PATH', '')
    clean = harness.clean_environment(**environment)
    clean['PATH'] = ':'.join(filter(None, (path, clean['PATH'])))
    done = subprocess.run(['sh', '-euc', end + '\n'.join(texts)], env=clean, cwd=directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=100 * harness.SLOW, **harness.run_as(user))
    assert done.returncode == 0, f'{done.returncode}\n{done.stdout}'
    return done.stdout


class Installation:
    """The build, installed below a temporary folder, as a package's build does it."""

    def __init__(self):
        self.root = tempfile.mkdtemp(dir=harness.scratch(), prefix='root')
        os.chmod(self.root, 0o755)
        atexit.register(shutil.rmtree, self.root, ignore_errors=True)
        subprocess.run(['meson', 'install', '-C', harness.BUILD, '--no-rebuild', '--quiet'], env={**os.environ, 'DESTDIR': self.root},
                       check=True, capture_output=True, text=True, timeout=60)
        with open(os.path.join(harness.BUILD, 'meson-info', 'intro-buildoptions.json'), encoding='utf-8') as file:
            options = {option['name']: option['value'] for option in json.load(file)}
        self.prefix = self.root + options['prefix']
        self.plugins = os.path.join(self.prefix, options['libdir'], 'wazo-suite/plugins/wazo-confd')
        self.environment = {
            'PATH': f'{self.prefix}/sbin:{self.prefix}/bin',
            'PKG_CONFIG_PATH': os.path.join(self.prefix, options['libdir'], 'pkgconfig'),
            'PKG_CONFIG_SYSROOT_DIR': self.root,
        }


def folder():
    """A folder of whoever runs services."""
    path = tempfile.mkdtemp(dir=harness.scratch(), prefix='work')
    if harness.ROOT:
        os.chown(path, harness.NOBODY, harness.NOBODY)
    return path
