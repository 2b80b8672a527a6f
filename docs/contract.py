# SPDX-License-Identifier: GPL-2.0
"""A function's contract: the kernel-doc comment above it, taken apart.

    /**
     * name() - what it does.
     * @param: what it is, in which unit.
     *
     * More text.
     *
     * Context: which locks are held, may it sleep.
     * Return: what comes back, which errors.
     * Source: where the idea comes from.
     */
"""
import re
from dataclasses import dataclass, field


@dataclass
class Contract:
    """A kernel-doc comment, taken apart."""
    line: int
    end: int
    name: str
    what: str
    params: dict = field(default_factory=dict)
    sections: dict = field(default_factory=dict)


def parse_contract(comment, line):
    """Take a kernel-doc comment apart; line is where it starts."""
    body = comment[3:-2]
    rows = [re.sub(r"^[ \t]*\*?[ \t]?", "", row, count=1) if i else row.strip()
            for i, row in enumerate(body.split("\n"))]
    head = " ".join(rows).strip()
    name = re.match(r"(?:(?:struct|union|enum)\s+)?([\w]+)(\(\))?\s+-\s+", head)
    contract = Contract(line, line + comment.count("\n"), name.group(1) if name else "", "")
    if not name:
        contract.what = head
        return contract
    where = None
    what = []
    for row in rows:
        param = re.match(r"@([\w.]+|\.\.\.):[ \t]*(.*)", row)
        section = re.match(r"(Context|Return|Source|Note):[ \t]*(.*)", row)
        if param:
            where = (contract.params, param.group(1))
            contract.params[param.group(1)] = param.group(2)
        elif section:
            where = (contract.sections, section.group(1))
            contract.sections[section.group(1)] = section.group(2)
        elif not row.strip() and where and where[0] is contract.params:
            where = None
        elif where:
            where[0][where[1]] = (where[0][where[1]] + " " + row.strip()).strip()
        else:
            what.append(row.strip())
    contract.what = " ".join(what).strip()[name.end():].strip()
    return contract
