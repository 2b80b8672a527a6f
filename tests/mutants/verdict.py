# SPDX-License-Identifier: GPL-2.0
"""How a run of tests ended, and what a program of tests has to say about it."""

import os
import re
import selectors
import signal
import subprocess
import time
from dataclasses import dataclass

KILLED, SURVIVED, ERROR = "killed", "survived", "ERROR"


@dataclass
class Verdict:
    """On one mutant: what became of it, by what, in how many seconds."""
    state: str
    by: str = ""
    seconds: float = 0.0


def lines_of(command, limit, **options):
    """Runs a command in a group of its own: yields its lines as they come, and at last
    its status, or None if it was not done in @limit seconds.  Closing it ends the group."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True, **options)
    end = time.monotonic() + limit
    rest = b""
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            while True:
                left = end - time.monotonic()
                if left <= 0 or not selector.select(left):
                    yield None
                    return
                data = os.read(process.stdout.fileno(), 65536)
                if not data:
                    break
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    yield line.decode(errors="replace")
        if rest:
            yield rest.decode(errors="replace")
        try:
            yield process.wait(max(end - time.monotonic(), 1))
        except subprocess.TimeoutExpired:
            yield None
    finally:
        stop(process)


def stop(process):
    """Ends a process and those of its group: politely, so that boot.py can end its VM."""
    for number, grace in ((signal.SIGTERM, 10), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(grace)
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()
    process.stdout.close()


# What a host test program prints: cmocka's lines, a sanitizer's.
RUN = re.compile(r"\[ RUN +\] (\w+)")
FAILED = re.compile(r"\[  (?:FAILED|ERROR ) +\] (\w+)$")   # ERROR: nor can it be cleared up
SANITIZER = re.compile(r"ERROR: (?:Address|Leak)Sanitizer:? (?:detected )?([\w -]+?)"
                       r"(?: on .*)?$|runtime error: (.+)")


def judge_host(lines):
    """From a host test program's lines and status to (state, by).  The first thing that
    is wrong decides; whoever gives the lines may stop then."""
    test, tests = "", 0
    for line in lines:
        if line is None:
            return KILLED, f"time limit, in {test}"
        if isinstance(line, int):
            if line == -signal.SIGXCPU:
                return KILLED, f"time limit, in {test}"
            if line:
                return KILLED, f"status {line}, in {test}" if test else f"status {line}"
            return (SURVIVED, "") if tests else (ERROR, "the program has run no test")
        if match := RUN.search(line):
            test, tests = match.group(1), tests + 1
        elif match := SANITIZER.search(line):
            what = match.group(1) or match.group(2)
            return KILLED, f"sanitizer: {what.strip()}, in {test}"
        elif match := FAILED.search(line):
            return KILLED, match.group(1)
    return ERROR, "the program's end was not seen"


# What guest-test prints in the VM, and boot.py about the VM.
BAD = re.compile(r"NOT OK (\S+)")
NEXT = re.compile(r"(ok|NOT OK|left out) \S+|guest-test: ")
END = re.compile(r"guest-test: \S+: (\d+) of (\d+) tests are good")
VM_FAILED = re.compile(r"boot: FAILED: (.+)")
SCRIPT = re.compile(r"mutants: (.+)")
STAMP = re.compile(r"^\[ *[\d.]+\] *(\[.*?\] *)?")


def detail(name, lines):
    """Of a test that failed: by what, if it was not a check of its own."""
    for line in lines:
        if "kvmswap: audit" in line:
            return f"audit, after {name}"
        if line.startswith("kernel: "):
            return f"the kernel's log, after {name}"
        if line.startswith("not done after"):
            return f"time limit, in {name}"
        if line.startswith("a VM was left behind"):
            return f"a VM left behind, after {name}"
    return name


def judge_guest(lines):
    """As judge_host(), from what boot.py prints while it runs the guest tests."""
    bad, after, ended, said = "", [], False, ""
    for line in lines:
        if bad and (not isinstance(line, str) or NEXT.match(line)):
            return KILLED, detail(bad, after)
        if line is None:
            return ERROR, "boot.py itself was not done in time"
        if isinstance(line, int):
            break
        if bad:
            after.append(line)
        elif match := VM_FAILED.match(line):
            text = match.group(1)
            if text.startswith("the kernel printed: "):
                return KILLED, "kernel: " + STAMP.sub("", text[20:])
            if "hung" in text or "not done" in text:
                return KILLED, "time limit: " + text
            return ERROR, text
        elif match := SCRIPT.match(line):
            said = said or match.group(1)
        elif match := BAD.match(line):
            bad = match.group(1)
        elif match := END.match(line):
            ended = match.group(1) == match.group(2)
    else:
        return ERROR, "boot.py's end was not seen"
    if said:
        return KILLED, said
    if line or not ended:
        return ERROR, f"the boot ended with status {line}" + ("" if ended else
                      ", and the tests did not come to their end")
    return SURVIVED, ""
