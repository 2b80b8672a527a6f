# SPDX-License-Identifier: GPL-2.0
"""Runs one QEMU: its channels, its watchdog, its end.

A channel is a socket pair whose far end QEMU is given as an open file: nothing to name
and nothing to clean up.  "console" is the kernel's serial port; "out" carries the
command's output ("tty" both ways, where the user has a terminal), "pull" a tar archive
of files wanted back, and "status" the command's exit status.  Only init writes to
"status", and only after the command has ended, so a VM that hangs or crashes has none.
The last three are ports of virtio, or serial ones where the run is recorded (replay.py).

Comes from boot.py, which says what to run; console.py judges the kernel's console.
"""

import ctypes
import fcntl
import os
import queue
import re
import selectors
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
import tty

from console import Console

GRACE = 4  # seconds that a broken kernel gets to finish its report
POWER_OFF = 30  # seconds that a sound one gets to power off
PIPE_SIZE = 1 << 20  # more than a recorded run prints while nobody reads
PORTS = ("out", "status", "pull")  # the serial ports of a recorded run, from ttyS1 on
ESCAPE = b"\x1d"  # Ctrl-] ends the VM from its own terminal


class Failure(Exception):
    """The VM did not end as it should; says why."""


class Writer:
    """Writes to a file in a thread, so that a slow reader never stops the VM."""

    def __init__(self, fd):
        self.fd = fd
        self.broken = False
        self.queue = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while data := self.queue.get():
            try:
                while data and not self.broken:
                    data = data[os.write(self.fd, data):]
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:
                self.broken = True  # such as `| head`: the run goes on

    def write(self, data):
        """Queues some bytes."""
        self.queue.put(data)

    def close(self):
        """Waits until all is written."""
        self.queue.put(b"")
        self.thread.join()


def die_with_parent():
    """Run in the child: the kernel kills it when we die, however we die."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Machine:
    """One run of QEMU."""

    def __init__(self, arguments, log, tty=False, silence=60, total=600, out_log=None,
                 slowness=1, harmless=(), recorded=False):
        """arguments: QEMU's, but for the channels; silence, total: seconds or 0.

        slowness: what the limits that are this file's own are multiplied with.
        harmless: patterns of console lines that are not a splat in this run.
        recorded: the run is recorded, or a recorded one is run again.
        """
        self.grace, self.power_off = GRACE * slowness, POWER_OFF * slowness
        self.console = Console(log, harmless)
        self.silence, self.total, self.tty = silence, total, tty
        self.writer = Writer(1)
        self.out_log = out_log
        self.recorded = recorded
        self.status = None
        self.status_text = b""
        self.pulled = bytearray()
        self.acknowledged = False
        self.stopped = False
        self.splat_time = None
        self.channels = {}
        self.far = []
        self.selector = selectors.DefaultSelector()
        command = [*arguments, *self._channels()]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, pass_fds=[end.fileno() for end in self.far],
            start_new_session=True, preexec_fn=die_with_parent)
        for end in self.far:
            end.close()
        self.qemu_text = b""

    def _channel(self, name):
        if self.recorded and name != "status":
            return self._pipe(name)
        near, far = socket.socketpair()
        near.setblocking(False)
        self.channels[name] = near
        self.far.append(far)
        self.selector.register(near, selectors.EVENT_READ, name)
        return f"socket,id={name},fd={far.fileno()}"

    def _pipe(self, name):
        """A channel out of the VM that is never full: a run that waits for us here cannot
        be repeated, for that is not written down."""
        near, far = (os.fdopen(end, mode, 0) for end, mode in zip(os.pipe(), ("rb", "wb")))
        fcntl.fcntl(far, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
        self.far.append(far)
        self.selector.register(near, selectors.EVENT_READ, name)
        return f"file,id={name},path=/dev/fd/{far.fileno()}"

    def _channels(self):
        if self.recorded:
            return [word for name in ("console", *PORTS) for word in
                    ("-chardev", self._channel(name), "-serial", f"chardev:{name}")]
        ports = ["status", "pull"] + ([] if self.tty else ["out"])
        out = ["-chardev", self._channel("console"), "-serial", "chardev:console",
               "-device", "virtio-serial-pci,id=ports"]
        if self.tty:
            out += ["-chardev", self._channel("tty"),
                    "-device", "virtconsole,chardev=tty,bus=ports.0"]
        for name in ports:
            out += ["-chardev", self._channel(name), "-device",
                    f"virtserialport,chardev={name},name={name},bus=ports.0"]
        return out

    def run(self):
        """Runs to the end; returns the command's exit status or raises Failure."""
        start = self.heard = time.monotonic()
        if self.tty:
            self.selector.register(0, selectors.EVENT_READ, "keys")
        try:
            while any(name != "keys" for name in
                      (key.data for key in self.selector.get_map().values())):
                self._turn()
                self._watch(start)
            self.process.wait(self.grace)
        except subprocess.TimeoutExpired:
            raise Failure("QEMU closed its channels, but goes on") from None
        finally:
            self.stop()
        return self._verdict()

    def _turn(self):
        """Moves what the channels hold."""
        busy = False
        for key, _ in self.selector.select(0.1):
            if key.data == "keys":
                self._keys()
                continue
            try:
                data = os.read(key.fd, 65536)
            except ConnectionError:
                data = b""
            if not data:
                self.selector.unregister(key.fileobj)
                key.fileobj.close()
                continue
            self.heard = time.monotonic()
            if key.data == "console":
                self.console.feed(data)
            elif key.data == "pull":
                self.pulled += data
                busy = True
            elif key.data == "status":
                self.status_text += data
            else:
                self.writer.write(data)
                if self.out_log:
                    self.out_log.write(data)
                    self.out_log.flush()
                busy = True
        match = re.fullmatch(rb"exit (\d+)\n", self.status_text)
        if match:
            self.status = int(match.group(1))
        if match and not busy and not self.acknowledged:
            self.acknowledged = True  # all output is here: the VM may power off
            self.ended = time.monotonic()
            self._send("status", b"seen\n")

    def _send(self, name, data):
        try:
            self.channels[name].send(data)
        except OSError:
            pass  # QEMU is gone, or a program does not read what is typed

    def _keys(self):
        data = os.read(0, 1024)
        if not data:
            self.selector.unregister(0)
        elif ESCAPE in data:
            raise KeyboardInterrupt
        else:
            self._send("tty", data)

    def _watch(self, start):
        now = time.monotonic()
        if self.console.splats and self.splat_time is None:
            self.splat_time = now
        if self.splat_time and now - self.splat_time > self.grace:
            self.process.kill()
        if self.acknowledged and now - self.ended > self.power_off:
            raise Failure(f"the command ended, but the VM is not off after "
                          f"{self.power_off} s")
        if self.silence and now - self.heard > self.silence:
            raise Failure(f"the VM hung: it printed nothing for {self.silence:g} s")
        if self.total and now - start > self.total:
            raise Failure(f"the VM was not done after {self.total:g} s")

    def _verdict(self):
        if self.console.splats:
            raise Failure("the kernel printed: "
                          + self.console.lines[self.console.splats[0]])
        if self.status is None and self.process.returncode:
            raise Failure(f"QEMU failed with status {self.process.returncode}: "
                          + self.qemu_text.decode(errors="replace").strip())
        if self.status is None:
            raise Failure("the VM stopped without an exit status of the command")
        return self.status

    def stop(self):
        """Ends QEMU, if it still runs, and reads what it had to say."""
        if self.stopped:
            return
        self.stopped = True
        if self.process.poll() is None:
            self.process.kill()
        self.qemu_text += self.process.communicate()[0] or b""
        self.console.close()
        self.writer.close()


def raw_terminal():
    """Makes the user's terminal raw; returns a function that undoes it."""
    saved = termios.tcgetattr(0)
    tty.setraw(0)
    return lambda: termios.tcsetattr(0, termios.TCSADRAIN, saved)


def terminal_size():
    """Columns and lines of the user's terminal, or of a common one."""
    for fd in (1, 2, 0):
        try:
            lines, columns = struct.unpack(
                "HHHH", fcntl.ioctl(fd, termios.TIOCGWINSZ, b"\0" * 8))[:2]
        except OSError:
            continue
        if lines and columns:
            return columns, lines
    return (int(os.environ.get("COLUMNS") or 80), int(os.environ.get("LINES") or 24))
