# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, against what, and whether that is good enough."""
import json
import statistics


class Figures:
    def __init__(self):
        self.rows = []
        self.notes = []

    def add(self, section, name, value, unit, against=None, limit=None, at_least=None, of='ratio'):
        """`against`: what the same run measured of the bare thing. `limit` or `at_least` is the target, of the ratio to
        it when there is one (or of the value: of='value')."""
        ratio = value / against if against else None
        judged = ratio if ratio is not None and of == 'ratio' else value
        met = None
        if limit is not None:
            met = judged <= limit
        elif at_least is not None:
            met = judged >= at_least
        self.rows.append({
            'section': section, 'name': name, 'value': value, 'unit': unit, 'against': against, 'ratio': ratio,
            'target': limit if limit is not None else at_least, 'target_is': 'least' if at_least is not None else 'most',
            'met': met,
        })

    def note(self, text):
        self.notes.append(text)

    @property
    def missed(self):
        return [row for row in self.rows if row['met'] is False]

    def table(self):
        head = ('', 'measured', 'against', 'ratio', 'target', '')
        lines = []
        section = None
        for row in self.rows:
            if row['section'] != section:
                section = row['section']
                lines.append((section.upper(), '', '', '', '', ''))
            target = '' if row['target'] is None else \
                f"{'>=' if row['target_is'] == 'least' else '<='} {number(row['target'])}"
            lines.append((
                '  ' + row['name'], f"{number(row['value'])} {row['unit']}",
                '' if row['against'] is None else f"{number(row['against'])} {row['unit']}",
                '' if row['ratio'] is None else f"{row['ratio']:.2f}", target,
                {None: '', True: 'met', False: 'MISSED'}[row['met']],
            ))
        widths = [max(len(line[i]) for line in lines + [head]) for i in range(len(head))]
        text = [format_line(head, widths)] + [format_line(line, widths) for line in lines]
        return '\n'.join(text + ['note: ' + note for note in self.notes])

    def json(self):
        return json.dumps({'figures': self.rows, 'notes': self.notes}, indent=2)


def format_line(cells, widths):
    first, *others = [cell.ljust(width) if i in (0, 5) else cell.rjust(width) for i, (cell, width) in enumerate(zip(cells, widths))]
    return '  '.join([first] + others).rstrip()


def number(value):
    if isinstance(value, int) or abs(value) >= 1000:
        return f'{value:,.0f}'
    return f'{value:.2f}' if abs(value) < 10 else f'{value:.1f}'


def median(values):
    return statistics.median(values)
