# SPDX-License-Identifier: GPL-2.0
"""Tests of how tests/debug judges a place that allocates, and finds it in the source."""

import importlib.util
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/debug"))

import sites  # noqa: E402


def load():
    """alloc_test.py, as a module."""
    spec = importlib.util.spec_from_file_location("alloc", ROOT / "tests/debug/alloc_test.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


alloc = load()


def site(function="vm_create", callee="kvmalloc_node", line=198):
    """A place in vm.c."""
    return sites.Site(".text", 0x10, callee, "vm.c", line, function)


class Judge(unittest.TestCase):
    """What is good and what is not."""

    def problem(self, result, **what):
        """What is wrong with a result, or None."""
        return alloc.judge(site(**what), result)[2]

    def test_enomem(self):
        self.assertIsNone(self.problem((1, 12, "KVM_CREATE_VM", "-")))

    def test_other_errno(self):
        self.assertIn("failed with 22", self.problem((1, 22, "KVM_CREATE_VM", "-")))

    def test_never_failed(self):
        self.assertEqual(self.problem((0, 0, "-", "-")), "nothing failed there")

    def test_not_tried(self):
        self.assertEqual(self.problem(None), "it did not get its turn")

    def test_unnoticed(self):
        self.assertEqual(self.problem((1, 0, "-", "-")), "the failure went unnoticed")

    def test_broken_afterwards(self):
        self.assertEqual(self.problem((1, 12, "KVM_RUN", "KVM_RUN: Bad address")),
                         "KVM_RUN: Bad address")

    def test_goes_on(self):
        self.assertIsNone(self.problem((1, 0, "-", "-"), function="vm_debugfs_init"))
        self.assertIsNotNone(self.problem((1, 12, "open", "-"), function="vm_debugfs_init"))

    def test_quiet(self):
        quiet = {"function": "hva_to_pfn", "callee": "get_user_pages_unlocked"}
        self.assertIsNone(self.problem((0, 0, "-", "-"), **quiet))
        self.assertIn("never to allocate", self.problem((1, 12, "KVM_RUN", "-"), **quiet))

    def test_two_copies(self):
        """One of two copies of a call that the compiler made has to fail; other lines do not help."""
        good, none = (1, 12, "KVM_RUN", "-"), (0, 0, "-", "-")
        self.assertEqual(alloc.rows([site(), site()], {0: good, 1: none})[1], [])
        self.assertEqual(len(alloc.rows([site(), site()], {0: none, 1: none})[1]), 2)
        self.assertEqual(len(alloc.rows([site(), site(line=7)], {0: good, 1: none})[1]), 1)


class Source(unittest.TestCase):
    """Calls in the source."""

    def test_calls(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "a.c").write_text(
                "/* kmalloc() in a comment\n * kzalloc(1) too */\n"
                "x = kzalloc(1, GFP_KERNEL);\nkfree(x);\ny = xkmalloc(1);\n"
                "p = __get_free_pages(g, 2); q = get_zeroed_page(g);\n")
            self.assertEqual(sites.in_source(folder, ["a.c"]), [
                ("a.c", 3, "kzalloc"), ("a.c", 6, "__get_free_pages"),
                ("a.c", 6, "get_zeroed_page")])

    def test_names(self):
        """Each kernel's names for what allocates; what frees is none."""
        for name in ("kmalloc_trace", "__kmalloc_cache_noprof", "kvmalloc_node",
                     "__kvmalloc_node_noprof", "get_zeroed_page", "get_zeroed_page_noprof",
                     "get_free_pages_noprof", "__get_free_pages", "kmemdup_noprof",
                     "vmemdup_user", "__alloc_pages", "vzalloc", "kmem_cache_alloc_noprof"):
            with self.subTest(name):
                self.assertTrue(sites.DIRECT.fullmatch(name))
        for name in ("kfree", "kvfree", "free_pages", "vfree"):
            with self.subTest(name):
                self.assertTrue(sites.FREES.fullmatch(name) or not sites.DIRECT.fullmatch(name))
        for name in ("trace_event_buffer_reserve", "memset", "seq_printf"):
            self.assertFalse(sites.DIRECT.fullmatch(name) or sites.INDIRECT.fullmatch(name))


if __name__ == "__main__":
    unittest.main()
