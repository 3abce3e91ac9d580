#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns text files into a C source with one string each: embed.py OUTPUT NAME=FILE..."""

import sys

with open(sys.argv[1], "w", encoding="utf-8") as out:
    out.write('#include "workers/control/varlink.h"\n')
    for argument in sys.argv[2:]:
        name, path = argument.split("=", 1)
        with open(path, encoding="utf-8") as source:
            lines = source.read().splitlines()
        out.write(f"\nconst char {name}[] =\n")
        for line in lines:
            escaped = line.replace("\\", "\\\\").replace('"', '\\"').replace("?", "\\?")
            out.write(f'        "{escaped}\\n"\n')
        out.write("        ;\n")
