# SPDX-License-Identifier: GPL-2.0
"""Tests of boot.py against real boots: what it passes on, and what it calls a failure."""

import os
import signal
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BOOT = ROOT / "code/boot/boot.py"
KERNEL = os.environ.get("KERNEL", "6.1")
VM_FAILED = 125


def boot(*arguments, command):
    """Boots the VM once."""
    return subprocess.run([BOOT, "--name", f"selftest-{KERNEL}", *arguments, "--", command],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=400, check=False)


def processes_with(text):
    """Ids of the processes whose command line holds a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text in path.read_bytes().decode(errors="replace"):
                found.append(path.parent.name)
        except OSError:
            continue
    return found


class Passes(unittest.TestCase):
    """What has to come out as it went in."""

    def test_one_boot(self):
        """Status, output, files, pulls, environment, swap and the mounts, in one boot."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "in").mkdir()
            (Path(folder) / "in/words").write_text("left\nright\n")
            run = boot(
                "--file", f"{folder}/in:/data", "--file", "/usr/bin/gcc:/kvmswap/bin/cc",
                "--pull", f"/tmp/back:{folder}/out", "--env", "WORD=one two",
                "--swap", "64", command="""
                cat /data/words; echo "$WORD"; echo to stderr >&2
                [ -t 0 ] || [ -t 1 ] || echo no terminal
                cc --version | head -n 1
                awk 'NR == 2 { print "swap", $3 }' /proc/swaps
                cat /sys/fs/cgroup/cgroup.subtree_control
                for d in /sys/kernel/debug /sys/kernel/tracing /dev/pts /tmp; do
                    grep -q " $d " /proc/mounts || echo no $d
                done
                ls -d /sys/module/kvm_amd 2>/dev/null
                modprobe kvm-amd npt=0 && cat /sys/module/kvm_amd/parameters/npt
                [ -c /dev/kvm ] && echo /dev/kvm; nproc
                cat /sys/devices/system/clocksource/clocksource0/current_clocksource
                mkdir /tmp/back; seq 40000 > /tmp/back/numbers; exit 42""")
            self.assertEqual(run.returncode, 42, run.stderr)
            lines = run.stdout.splitlines()
            self.assertEqual(lines[:5],
                             ["left", "right", "one two", "to stderr", "no terminal"])
            self.assertRegex(lines[5], r"\d+\.\d+")
            self.assertEqual(lines[6:],
                             ["swap 65532", "memory", "N", "/dev/kvm", "2", "hpet"])
            self.assertEqual((Path(folder) / "out/numbers").read_text(),
                             "".join(f"{n}\n" for n in range(1, 40001)))

    def test_all_output_arrives(self):
        """A megabyte, printed at the very end, by a command that ends well."""
        run = boot(command="seq 150000")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(run.stdout, "".join(f"{n}\n" for n in range(1, 150001)))


class Recorded(unittest.TestCase):
    """A run that is recorded, and run again."""

    def test_same_again(self):
        """What nobody can foresee comes out again, of the same run: it is not another boot."""
        with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:
            runs = []
            for option in ("--record", "--replay"):
                back = f"{folder}/back{option}"
                run = boot(option, f"{folder}/recording", "--pull", f"/tmp/file:{back}", command="""
                    cat /proc/sys/kernel/random/uuid; date +%s.%N; nproc; seq 2000
                    cat /proc/sys/kernel/random/uuid > /tmp/file; exit 42""")
                self.assertEqual(run.returncode, 42, run.stderr)
                runs.append((run.stdout, Path(back).read_text()))
            self.assertEqual(runs[0], runs[1])
            lines = runs[0][0].splitlines()
            self.assertRegex(lines[0], "^[0-9a-f-]{36}$")
            self.assertEqual(lines[2:], ["1", *map(str, range(1, 2001))])
            self.assertRegex(runs[0][1], "^[0-9a-f-]{36}\n$")

    def test_cannot(self):
        """What cannot be recorded, and a recording that is not there."""
        run = boot("--record", "/tmp", "--swap", "64", command="true")
        self.assertIn("a run with --swap cannot be recorded", run.stderr)
        run = boot("--replay", "/nowhere", command="true")
        self.assertEqual(run.returncode, VM_FAILED)
        self.assertIn("/nowhere: no recording (log is missing): make it with --record", run.stderr)


class Failures(unittest.TestCase):
    """What has to be called a failure, by its name."""

    def test_silent_command(self):
        """A command that hangs is ended, and the console is shown."""
        start = time.monotonic()
        run = boot("--silence", "12", command="echo begun; sleep 1000")
        self.assertEqual(run.returncode, VM_FAILED)
        self.assertEqual(run.stdout, "begun\n")
        self.assertIn("the VM hung: it printed nothing for 12 s", run.stderr)
        self.assertIn("the last lines of the console:", run.stderr)
        self.assertIn("Run /init as init process", run.stderr)
        self.assertLess(time.monotonic() - start, 100)

    def test_silent_kernel(self):
        """A machine that never gets to run a command."""
        run = boot("--silence", "2", "--qemu-arg=-S", command="true")
        self.assertEqual(run.returncode, VM_FAILED)
        self.assertIn("the VM hung: it printed nothing for 2 s", run.stderr)

    def test_talking_for_ever(self):
        """Output alone does not save a command from the limit in all."""
        run = boot("--timeout", "12", command="while sleep 1; do echo more; done")
        self.assertEqual(run.returncode, VM_FAILED)
        self.assertIn("not done after 12 s", run.stderr)

    def test_crash(self):
        """A panic is a failure, with its lines, though the command never ended."""
        run = boot(command="echo before; sleep 1; echo c > /proc/sysrq-trigger; echo after")
        self.assertEqual(run.returncode, VM_FAILED)
        self.assertEqual(run.stdout, "before\n")
        self.assertIn("FAILED: the kernel printed:", run.stderr)
        self.assertIn("sysrq triggered crash", run.stderr)

    def test_splat_with_good_status(self):
        """A warning on the console fails a run whose command was content."""
        run = boot(command="echo '<4>WARNING: CPU: 0 PID: 1 at made/up.c:1' > /dev/kmsg;"
                           "exit 0")
        self.assertEqual(run.returncode, VM_FAILED)
        self.assertIn("WARNING: CPU: 0 PID: 1 at made/up.c:1", run.stderr)

    def test_power_off_without_status(self):
        """A command cannot end the VM and pass."""
        run = boot(command="poweroff -f")
        self.assertEqual(run.returncode, VM_FAILED)
        self.assertIn("without an exit status", run.stderr)

    def test_absent_pull(self):
        """A file wanted back that is not there is a failure."""
        run = boot("--pull", "/nothing:/tmp/never", command="true")
        self.assertEqual(run.returncode, VM_FAILED)
        self.assertIn("not in the VM, so not pulled: nothing", run.stderr)

    def test_bad_arguments(self):
        """Mistakes are named before anything boots."""
        for arguments, words in (
                (["--file", "/no/such/file:/x"], "no such file"),
                (["--file", "nocolon"], "wants two paths"),
                (["--kernel", "0.1"], "run `make kernel KERNEL=0.1`"),
                (["--env", "1=2"], "wants NAME=VALUE"),
                (["--tty"], "needs a terminal")):
            with self.subTest(arguments):
                run = boot(*arguments, command="true")
                self.assertEqual(run.returncode, VM_FAILED)
                self.assertIn(words, run.stderr)
        run = boot("--qemu-arg=-no-such-option", command="true")
        self.assertEqual(run.returncode, VM_FAILED)
        self.assertIn("no-such-option: invalid option", run.stderr)


class Interrupts(unittest.TestCase):
    """QEMU must not outlive boot.py, whatever ends that."""

    def end_by(self, number):
        """Starts a VM, sends boot.py a signal; returns its status."""
        with tempfile.TemporaryDirectory() as folder:
            mark = f"kvmswap-mark={os.getpid()}.{number}"
            with subprocess.Popen(
                    [BOOT, "--name", f"selftest-{KERNEL}", "--append", mark, "--", "sleep 1000"],
                    cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL, start_new_session=True) as process:
                while len(processes_with(mark)) < 2:
                    self.assertIsNone(process.poll())
                    time.sleep(0.1)
                time.sleep(0.5)
                process.send_signal(number)
                status = process.wait(20)
            deadline = time.monotonic() + 10
            while processes_with(mark) and time.monotonic() < deadline:
                time.sleep(0.1)
            self.assertEqual(processes_with(mark), [])
            return status

    def test_interrupts(self):
        """Ctrl-C, kill and kill -9."""
        before = set((ROOT / "build/tmp").glob("boot.*"))
        self.assertEqual(self.end_by(signal.SIGINT), 130)
        self.assertEqual(self.end_by(signal.SIGTERM), 143)
        new = set((ROOT / "build/tmp").glob("boot.*")) - before
        self.assertEqual(new, set(), "temporary files are left")
        self.assertEqual(self.end_by(signal.SIGKILL), -signal.SIGKILL)


if __name__ == "__main__":
    unittest.main()
