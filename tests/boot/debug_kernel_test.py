# SPDX-License-Identifier: GPL-2.0
"""Tests of debug_kernel.py, but for the build itself: what is missing, cached, misconfigured."""

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / "code/boot"
sys.path.insert(0, str(TOOLS))

import common  # noqa: E402
import debug_kernel  # noqa: E402


class Missing(unittest.TestCase):
    """What is not there is named, with what to do."""

    def setUp(self):
        self.place = Path(tempfile.mkdtemp(dir=ROOT / "build"))
        self.addCleanup(shutil.rmtree, self.place)

    def run_tool(self, name, programs=()):
        """debug_kernel.py NAME with a PATH that holds only these programs, which do nothing."""
        for program in programs:
            path = self.place / program
            path.write_text("#!/bin/sh\n")
            path.chmod(0o755)
        run = subprocess.run(["/usr/bin/python3", "-B", TOOLS / "debug_kernel.py", name],
                             env={"PATH": str(self.place)}, capture_output=True, text=True,
                             check=False)
        self.assertEqual(run.returncode, common.FAILED, run.stderr)
        return run.stderr

    def test_compiler(self):
        said = self.run_tool("6.1-debug")
        self.assertIn("gcc, make, flex, bison, bc, xz, perl missing", said)
        self.assertIn("run code/boot/setup.py debug", said)

    def test_name(self):
        for name in ("6.1", "6.1-slow", "debug"):
            self.assertIn("6.1-debug or 6.12-kcsan", self.run_tool(name))

    def test_package(self):
        """apt is there, and asked to look anew, but has no such package."""
        said = self.run_tool("0.9-debug", (*debug_kernel.NEEDED, "apt-get", "apt-cache", "sudo",
                                           "env"))
        self.assertIn("apt: fetching the lists of packages", said)
        self.assertIn("apt has no package linux-source-0.9", said)
        self.assertFalse((ROOT / "build/kernel/0.9-debug").exists())

    def test_no_apt(self):
        self.assertIn("apt has no package linux-source-0.9",
                      self.run_tool("0.9-debug", debug_kernel.NEEDED))


class Configuration(unittest.TestCase):
    """An option that the kernel does not take is a failure; one that it does not know, not."""

    def setUp(self):
        self.place = Path(tempfile.mkdtemp(dir=ROOT / "build"))
        self.addCleanup(shutil.rmtree, self.place)
        (self.place / "Kconfig").write_text(
            "config KASAN\n\tbool\nmenuconfig KCSAN\n\tbool\nconfig KVM\n\ttristate\n")

    def check(self, wanted, found):
        """Runs check_config() on two texts."""
        debug_kernel.check_config(self.place, wanted, found)

    def test_good(self):
        self.check("CONFIG_KASAN=y\nCONFIG_KVM=m\nCONFIG_KCSAN=n\nCONFIG_NEW=y\n",
                   "CONFIG_KASAN=y\nCONFIG_KVM=m\n# CONFIG_KCSAN is not set\n")

    def test_bad(self):
        for wanted, words in (("CONFIG_KCSAN=y", "CONFIG_KCSAN: wanted y, is n"),
                              ("CONFIG_KVM=y", "CONFIG_KVM: wanted y, is m"),
                              ("CONFIG_KASAN=n", "CONFIG_KASAN: wanted n, is y")):
            with self.assertRaisesRegex(common.Problem, words):
                self.check(wanted + "\n", "CONFIG_KASAN=y\nCONFIG_KVM=m\n")

    def test_series(self):
        """Both kinds of 6.12 have MGLRU on, as Debian's has, and those of 6.1 have not."""
        for kind in ("debug", "kcsan"):
            self.assertNotIn("LRU_GEN_ENABLED", debug_kernel.config_text("6.1", kind))
            text = debug_kernel.config_text("6.12", kind)
            self.assertIn("CONFIG_LRU_GEN_ENABLED=y\n", text)
            self.assertIn("CONFIG_KVM=m\n", text)
            self.assertIn(f'CONFIG_LOCALVERSION="-{kind}"\n', text)

    def test_mend(self):
        """6.1's filter is offered, and nothing else of its list of needs is lost."""
        name, pattern, text = debug_kernel.MENDS[0]
        self.assertEqual(name, "lib/Kconfig.debug")
        entry = ("config FAULT_INJECTION_STACKTRACE_FILTER\n\tbool \"filter\"\n"
                 "\tdepends on STACKTRACE_SUPPORT\n{}\tselect STACKTRACE\n\n"
                 "config OTHER\n\tdepends on !X86_64\n")
        self.assertEqual(pattern.sub(text, entry.format("\tdepends on !X86_64\n")),
                         entry.format(""))
        self.assertEqual(pattern.sub(text, entry.format("")), entry.format(""))


class Cache(unittest.TestCase):
    """A kernel is built when what it is made from is new, and not otherwise."""

    def test_cache(self):
        place = Path(tempfile.mkdtemp(dir=ROOT / "build"))
        self.addCleanup(shutil.rmtree, place)
        built = []

        def compile_kernel(name, config, source, folder):
            built.append(name)
            (folder / "tree").mkdir(exist_ok=True)
            return "1.2.3-debug"

        version = mock.Mock(return_value=(place, "1.2.3-1"))
        with mock.patch.object(debug_kernel, "kernel_dir", lambda name: place / name), \
                mock.patch.object(debug_kernel, "find_source", version), \
                mock.patch.object(debug_kernel, "NEEDED", ()), \
                mock.patch.object(debug_kernel, "compile_kernel", compile_kernel):
            for _ in range(2):
                folder = debug_kernel.build("1.2-debug")
            self.assertEqual(built, ["1.2-debug"])
            self.assertEqual((folder / "release").read_text(), "1.2.3-debug\n")
            self.assertEqual(os.readlink(folder / "headers"), "tree")
            version.return_value = (place, "1.2.3-2")
            debug_kernel.build("1.2-debug")
            self.assertEqual(len(built), 2)
            with mock.patch.object(debug_kernel, "config_text", lambda *_: "CONFIG_X=y\n"):
                debug_kernel.build("1.2-debug")
            self.assertEqual(len(built), 3)


if __name__ == "__main__":
    unittest.main()
