# SPDX-License-Identifier: GPL-2.0
"""Builds a mutant and runs the tests that are to kill it; and the same without the
mistake first, so that 'killed' means something."""

import shutil
import subprocess
import threading
import time

from mutant import BadMutant
from trees import Broken, environment
from verdict import ERROR, KILLED, SURVIVED, Verdict, judge_guest, judge_host, lines_of

CPU_LIMIT = 40          # seconds of the processor's time for the user-space tests of a chapter
TEST_LIMIT = 30         # seconds for one test in the VM; the slowest of these takes 12
BOOT_LIMIT = 400

SCRIPT = """
mkdir /result; touch /result/observed
modprobe msr
{load}
LIMIT={limit} OBSERVE=/result/observed MODULE=/t/kvmswap.ko /t/guest-test /dev/kvmswap {tests}
a=$?
[ ! -e /sys/module/kvmswap ] || rmmod kvmswap || echo "mutants: the module cannot be unloaded"
exit $a
"""
LOAD = """
insmod /t/kvmswap.ko {parameters} ||
	{{ echo "mutants: the module cannot be loaded"; exit 1; }}
"""


class Steps:
    """Runs steps on the trees; what a baseline has found out is kept."""

    def __init__(self, trees, limit=CPU_LIMIT):
        self.trees, self.limit = trees, limit
        self.wait = 15 * limit
        self.baselines, self.locks = {}, {}
        self.lock = threading.Lock()
        self.module_lock = threading.Lock()

    def run(self, mutant, all_mutants):
        """A Verdict on one mutant.  @all_mutants: so that a baseline serves all of them."""
        start = time.monotonic()
        try:
            baseline = self.baseline(mutant.step, all_mutants)
            start = time.monotonic()
            run = self.host if mutant.step.kind == "host" else self.guest
            verdict = Verdict(*run(mutant, baseline))
        except (BadMutant, Broken) as error:
            verdict = Verdict(ERROR, str(error))
        verdict.seconds = time.monotonic() - start
        return verdict

    def baseline(self, step, all_mutants):
        """Runs a step without a mistake, once; returns what the step wants to know of it."""
        load = step.kind == "guest" and step.tests[0].startswith("load")
        key = (step.kind, step.chapter, step.parameters, load)
        with self.lock:
            lock = self.locks.setdefault(key, threading.Lock())
        with lock:
            if key not in self.baselines:
                run = self.host_baseline if step.kind == "host" else self.guest_baseline
                self.baselines[key] = run(step, [
                    m.step for m in all_mutants if m.step.kind == step.kind
                    and m.step.chapter == step.chapter and m.step.parameters == step.parameters
                    and (m.step.tests[:1] or ("",))[0].startswith("load") == load])
            if isinstance(self.baselines[key], Broken):
                raise self.baselines[key]
            return self.baselines[key]

    # ---- user space ----

    def objects(self, chapter):
        """The folder of a chapter's objects, in a tree."""
        return f"{self.trees.host_out}/{chapter}"

    def run_program(self, tree, chapter):
        """Runs a tree's host tests until something is wrong; (state, by).  The limit is of
        the processor's time, so that a busy machine is not taken for a loop."""
        program = tree / self.objects(chapter) / "mmu-test"
        cpu = f"--cpu={self.limit}:{self.limit + 5}"    # SIGXCPU, and later SIGKILL
        lines = lines_of(["prlimit", cpu, program], self.wait, cwd=tree,
                         env=environment(self.trees.kernel) | {"ASAN_OPTIONS": "detect_leaks=1"})
        try:
            return judge_host(lines)
        finally:
            lines.close()

    def host_baseline(self, step, _steps):
        """Returns what is wrong, or True."""
        said = self.trees.make(self.trees.base, self.objects(step.chapter) + "/mmu-test")
        if said is not None:
            return Broken(f"the tests of chapter {step.chapter} do not build without a mistake: "
                          + last_lines(said))
        state, by = self.run_program(self.trees.base, step.chapter)
        if state != SURVIVED:
            return Broken(f"make test-host{step.chapter} fails without a mistake: {by}")
        return True

    def host(self, mutant, _baseline):
        """(state, by)"""
        chapter = mutant.step.chapter
        tree = self.trees.tree_with(mutant, self.objects(chapter))
        said = self.trees.make(tree, self.objects(chapter) + "/mmu-test")
        if said is not None:
            return ERROR, "it does not compile: " + last_lines(said)
        result = self.run_program(tree, chapter)
        self.trees.drop(mutant)
        return result

    def compiles(self, mutant):
        """Does what has changed compile for the host tests? None, or the compiler's words."""
        chapter = mutant.step.chapter
        tree = self.trees.tree_with(mutant)
        stem, dot, kind = mutant.file.partition(".")
        said = self.trees.make(
            tree, f"{self.objects(chapter)}/module/{stem if dot + kind == '.c' else 'fault'}.o")
        self.trees.drop(mutant)
        return said

    # ---- the VM ----

    def module(self, name):
        """Where a module is kept for its boot."""
        return self.trees.place / "modules" / f"{name}.ko"

    @staticmethod
    def baseline_name(step):
        """Of the boot without a mistake that a step is compared with."""
        return "-".join(["baseline", str(step.chapter), *step.parameters,
                         *(["load"] if step.tests[0].startswith("load") else [])])

    def build_module(self, step, mutant, name):
        """Builds a module; returns its path, without what only debuggers read."""
        out = self.module(name)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.unlink(missing_ok=True)
        with self.module_lock:
            source = self.trees.source_with(mutant)
            done = subprocess.run(
                [self.trees.base / "code/boot/module.py", self.trees.kernel, str(step.chapter),
                 "--source", source], env=environment(self.trees.kernel), text=True,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                errors="replace", check=False)
            if done.returncode:
                raise Broken("the module does not build: " + last_lines(done.stdout))
            built = self.trees.base / "build" / self.trees.kernel / f"chapter{step.chapter}"
            subprocess.run(["strip", "--strip-debug", "-o", out, built / "kvmswap.ko"],
                           check=True)
        return out

    def boot(self, name, module, tests, step):
        """Runs guest tests in a VM of their own; returns ((state, by), observed lines)."""
        result = self.trees.place / "results" / name
        shutil.rmtree(result, ignore_errors=True)
        parameters = " ".join(step.parameters)
        script = SCRIPT.format(limit=TEST_LIMIT, tests=" ".join(tests), load=(
            "" if tests[0].startswith("load") else LOAD.format(parameters=parameters)))
        lines = lines_of(
            [self.trees.root / "code/boot/boot.py", "--kernel", self.trees.kernel,
             "--name", f"mutant-{name}", "--swap", "256", "--silence", "90",
             "--timeout", str(BOOT_LIMIT - 60), "--file", f"{module}:/t/kvmswap.ko",
             "--file", f"{self.trees.base}/build/tests/guest-test:/t/guest-test",
             "--pull", f"/result:{result}", "--", script],
            BOOT_LIMIT, cwd=self.trees.root, env=environment(self.trees.kernel))
        try:
            verdict = judge_guest(lines)
        finally:
            lines.close()
        seen = result / "observed"
        return verdict, observed(seen.read_text(errors="replace")) if seen.exists() else {}

    def guest_baseline(self, step, steps):
        """Returns what the tests observe without a mistake, or what is wrong."""
        tests = sorted({test for other in steps for test in other.tests})
        name = self.baseline_name(step)
        try:
            said = self.trees.make(self.trees.base, "build/tests/guest-test")
            if said is not None:
                raise Broken("guest-test does not build: " + last_lines(said))
            module = self.build_module(step, None, name)
        except Broken as error:
            return error
        (state, by), seen = self.boot(name, module, tests, step)
        if state != SURVIVED:
            return Broken(f"guest tests on chapter {step.chapter} fail without a mistake: {by}")
        return seen

    def guest(self, mutant, expected):
        """Kills also by what a test observes, if that is not what it did without the mistake
        (which is what it does on stock KVM, but for the differences that are known)."""
        module = self.build_module(mutant.step, mutant, mutant.name)
        verdict, seen = self.boot(mutant.name, module, mutant.step.tests, mutant.step)
        module.unlink()
        if verdict[0] == SURVIVED:
            for test, lines in seen.items():
                if lines != expected.get(test):
                    return KILLED, f"{test}, which observes something else"
        elif verdict[1].startswith("time limit"):   # or is it the machine that is slow?
            name = self.baseline_name(mutant.step)
            good, _ = self.boot(name, self.module(name), mutant.step.tests, mutant.step)
            if good[0] != SURVIVED:
                return ERROR, f"{verdict[1]}; and without a mistake {good[1]}"
        return verdict


def observed(text):
    """What tests have observed: test -> its lines."""
    out = {}
    for line in text.splitlines():
        out.setdefault(line.partition(":")[0], []).append(line)
    return out


def last_lines(text, count=4):
    """The end of a long output, in one line; of a compiler, its errors."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error:" in line]
    return " | ".join(errors[:2] or lines[-count:])
