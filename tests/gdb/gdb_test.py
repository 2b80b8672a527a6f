#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Tests of labs/gdb on a VM in a known state: one boot, in which one module after another
is loaded, from chapter 0 to the last.

In the VM, state.c makes the state and says what it knows; session.py types the commands
in GDB and writes down the answers; here they are judged.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
KERNEL = os.environ.get("KERNEL", "6.1")
CHAPTERS = [int(number) for number in
            os.environ.get("KVMSWAP_CHAPTERS", "0 1 2 3 4 5 6 7 8").split()]
LAST = CHAPTERS[-1]
COMMANDS = ("ks-vms", "ks-vm", "ks-slots", "ks-walk", "ks-spte", "ks-rmap", "ks-page",
            "ks-audit", "ks-watch", "ks-map", "ks-graph")
SLOW = ("ks-audit", "ks-map")  # these may take 10 s, all others 2 s

# What the pages of the book show.
TRANSCRIPTS = {2: ("ks-slots", "ks-walk 0x303000", "ks-walk 0x240000"), 3: ("ks-rmap 0x200",)}

SCRIPT = """
for n in {chapters}; do
	echo "chapter $n"
	insmod /kvmswap/chapter$n.ko || exit 120
	gdb-state $n || exit
	rmmod kvmswap || exit 121
done
insmod /kvmswap/chapter{last}.ko || exit 120
kvmswap-run --plain --passes 2 --min-in 0 --seed 7
"""


class Session:
    """One VM and one GDB."""

    def __init__(self, folder):
        self.folder, self.name = folder, "gdb-test"

    def run(self):
        """Runs both to their end; returns (record, facts, what GDB printed)."""
        socket, record = f"{self.folder}/gdb", f"{self.folder}/record"
        files = [f"{BUILD}/tests/gdb-state:/kvmswap/bin/gdb-state"]
        files += [f"{BUILD}/{KERNEL}/chapter{number}/kvmswap.ko:/kvmswap/chapter{number}.ko"
                  for number in CHAPTERS]
        script = SCRIPT.format(chapters=" ".join(map(str, CHAPTERS)), last=LAST)
        chapters = " ".join(map(str, CHAPTERS))
        environment = {**os.environ, "KVMSWAP_RECORD": record, "KVMSWAP_CHAPTERS": chapters}
        with subprocess.Popen(
                [ROOT / "code/boot/boot.py", "--kernel", KERNEL, "--name", self.name,
                 "--chapter", str(LAST), "--swap", "256", "--timeout", "500", "--gdb", socket,
                 *[word for file in files for word in ("--file", file)], "--", script],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True) as machine:
            try:
                note = BUILD / "gdb" / Path(socket).name
                limit = time.monotonic() + 60
                while not (note.exists() and Path(socket).exists()):
                    if machine.poll() is not None or time.monotonic() > limit:
                        raise AssertionError("the machine did not start: " + machine.stdout.read())
                    time.sleep(0.2)
                gdb = subprocess.run(
                    [ROOT / "labs/gdb/launch.py", "--port", note.name, "--chapters",
                     chapters.replace(" ", ","), "-batch", "-x",
                     ROOT / "tests/gdb/session.py"], env=environment, timeout=480,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT, text=True, check=False).stdout
            finally:
                machine.terminate()
            text = machine.stdout.read()
        if not Path(record).exists():
            raise AssertionError("GDB left no record; it printed:\n" + gdb + "\nthe VM:\n" + text)
        facts, chapter = {}, None
        for match in re.finditer(r"^(?:chapter (\d+)|fact (\S+) (\S+))$", text, re.M):
            if match[1]:
                chapter = int(match[1])
            else:
                facts[chapter, match[2]] = int(match[3], 16)
        return json.loads(Path(record).read_text()), facts, gdb + text


def transcript(record, number):
    """Writes what a reader of a chapter would see, for its page (`make gdb-samples`)."""
    lines = []
    for command in TRANSCRIPTS[number]:
        for entry in record:
            if (entry["at"], entry["command"]) == (f"chapter {number}", command):
                lines.append(f"(gdb) {command}\n{entry.get('out', entry.get('error'))}")
                break
    (BUILD / "gdb" / f"chapter{number}.txt").write_text("".join(lines))


class Commands(unittest.TestCase):
    """What the commands said."""

    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(dir=BUILD / "tmp", prefix="gdb.") as folder:
            cls.record, cls.facts, cls.text = Session(folder).run()
        (BUILD / "gdb" / "record.json").write_text(json.dumps(cls.record, indent=1))
        for number in TRANSCRIPTS:
            if number in CHAPTERS:
                transcript(cls.record, number)

    def entry(self, at, command):
        """What was recorded of a command at a place, the first time."""
        for entry in self.record:
            if entry["at"] == at and entry["command"] == command:
                return entry
        self.fail(f"{command} was not typed at {at}; GDB and the VM printed:\n{self.text}")

    def said(self, at, command):
        """Its output; an error is a failure."""
        entry = self.entry(at, command)
        self.assertNotIn("error", entry, f"{at}: {command}")
        return entry["out"]

    def refused(self, at, command, words):
        """It must have ended in an error with these words."""
        entry = self.entry(at, command)
        self.assertIn(words, entry.get("error", "no error, but: " + str(entry.get("out"))),
                      f"{at}: {command}")

    def counts(self, at):
        """ks-audit's counts at a place."""
        return {name: int(number) for name, number in
                re.findall(r"^(\w+) (\d+)$", self.said(at, "ks-audit"), re.M)}

    def chapters(self, first):
        """The chapters from one on that were tested."""
        found = [number for number in CHAPTERS if number >= first]
        self.assertTrue(found)
        return found

    # --- before there is anything to see

    def test_causes(self):
        """Who changed an spte: the innermost that can, except at the end of a VM."""
        self.assertEqual(self.said("before the module", "causes"), [
            "fault", "invalidate", "age", "slot change", "the end of the VM",
            "the end of the process", "somebody else"])

    def test_help(self):
        """Every command has a help that says how it is used, and is completed."""
        self.assertIn("ks-watch GFN", self.said("before the module", "help ks"))
        completions = self.said("before the module", "completion").split()
        for command in COMMANDS:
            self.assertIn(f"Usage: {command}", self.said("before the module", f"help {command}"))
            self.assertIn(command, completions)

    def test_nothing_there(self):
        """No module, no VM: the error says what to do."""
        self.refused("before the module", "ks-vms", "the module is not loaded: in the machine, say")
        self.refused("no VM", "ks-vms", "no VM yet: in the machine, start a guest")
        self.refused("no VM", "ks-audit", "no VM yet")

    def test_bad_arguments(self):
        """Mistakes are named."""
        at = f"chapter {LAST}"
        for command, words in (
                ("ks-walk", "usage: ks-walk GVA [VCPU]"), ("ks-walk 0x210000 5", "has no vCPU 5"),
                ("ks-rmap nonsense", "nonsense: No symbol"), ("ks-map 3", "no slot 3"),
                ("ks-rmap 0x99999", "the guest has no memory at gfn 0x99999"),
                ("ks-vm 1", "no VM 1"), ("ks-spte 0x1000", "is no entry of a shadow page")):
            self.refused(at, command, words)
        self.refused(f"watch {LAST}", "ks-watch", "usage: ks-watch GFN [COUNT]")

    # --- what each chapter has not

    def test_without_memslots(self):
        """Chapter 0 has no memory to speak of."""
        self.assertRegex(self.said("chapter 0", "ks-vms"), r"\* +0 +vm-\d+-\d+ +0x\w+ +1 +0 +0")
        for command in ("ks-slots", "ks-map", "ks-graph 0x200"):
            self.refused("chapter 0", command, "no memslots: they come with chapter 1")
        self.assertIn("real mode", self.said("chapter 0", "ks-vm"))

    def test_without_shadow_pages(self):
        """Chapter 1 has memslots, and maps nothing."""
        self.assertRegex(self.said("chapter 1", "ks-slots"),
                         rf"0  0x100 to 0x10f +16  {self.facts[1, 'hva']:#x} to ")
        for command in ("ks-audit", "ks-spte 0x1000"):
            self.refused("chapter 1", command, "no shadow pages: they come with chapter 2")
        self.assertRegex(self.said("chapter 1", "ks-map"), r"\n +\.{16}\n")

    def test_without_rmaps(self):
        """Chapter 2 cannot say who maps a page but by looking at all."""
        for command in ("ks-rmap 0x200", "ks-rmap -v 0x304000", "ks-watch 0x210"):
            self.refused("chapter 2", command, "no rmaps: they come with chapter 3")

    # --- a VM in a known state

    def test_vms_and_slots(self):
        """One VM, one vCPU in 64-bit mode, one slot at the address that state.c has."""
        for number in self.chapters(2):
            at, hva = f"chapter {number}", self.facts[number, "hva"]
            leaves = self.facts[number, "sound.leaf_sptes"]
            self.assertRegex(self.said(at, "ks-vms"),
                             rf"\* +0 +vm-\d+-\d+ +0x\w+ +1 +1024 +{leaves}\n")
            self.assertIn("vCPU 0: 64-bit, outside of the guest", self.said(at, "ks-vm"))
            self.assertRegex(self.said(at, "ks-slots"), rf" 0  0x0 to 0x3ff +1024  {hva:#x} to "
                                                        rf"{hva + (4 << 20) - 1:#x}\n")

    def test_walk(self):
        """Both walks lead to the frame that the process itself sees."""
        for number in self.chapters(2):
            at = f"chapter {number}"
            frame, hva = self.facts[number, "plain.pfn"], self.facts[number, "hva"]
            text = self.said(at, "ks-walk 0x210000")
            self.assertRegex(text, rf" 1  0x104080  pwuxad  gfn 0x210 +0xff\w+  pwuxad  "
                                   rf"pfn {frame:#x}\n")
            self.assertIn(f"gfn 0x210  slot 0  hva {hva + 0x210000:#x}\n", text)
            self.assertIn(f"the host maps frame {frame:#x}, writable\n", text)
            self.assertRegex(text, rf"frame {frame:#x}: anonymous, count \d+, mapped once, flags "
                                   r".*\bdirty\b.*swapbacked")
            self.assertIn("the spte maps the host's page\n", text)
            text = self.said(at, "ks-walk 0x303000")
            self.assertIn(f"gfn 0x200  slot 0  hva {hva + 0x200000:#x}\n", text)
            self.assertIn("p-uxa-", text)
            text = self.said(at, "ks-walk 0x240000")
            self.assertIn("------", text)
            self.assertIn("the host maps nothing there\nno spte: the next access faults\n", text)
            self.assertIn("the guest's entry is not present",
                          self.said(at, "ks-walk 0x7000000000"))

    def test_walk_to_swap(self):
        """A page that is out says where; the zero page says its name."""
        for number in self.chapters(4):
            self.assertRegex(self.said(f"chapter {number}", "ks-walk 0x230000"),
                             r"the host has it swapped out: area 0, page 0x\w+\nno spte")
            self.assertIn("the zero page",
                          self.said(f"chapter {number}", "ks-walk 0x220000"))

    def test_rmap(self):
        """The page that the guest maps six times has six sptes on its chain."""
        for number in self.chapters(3):
            for command in ("ks-rmap 0x200", "ks-rmap -v 0x304000"):
                text = self.said(f"chapter {number}", command)
                self.assertIn("gfn 0x200: 6 sptes on its chain\n", text)
                places = re.findall(r"entry (\d+) of the shadow page of gfn 0x104", text)
                self.assertEqual(sorted(map(int, places)), [0, 256, 257, 258, 259, 260])
                self.assertEqual(text.count(f"frame {self.facts[number, 'shared.pfn']:#x}: "), 6)

    def test_spte_and_page(self):
        """An spte, and a frame, from both ends."""
        for number in self.chapters(2):
            at = f"chapter {number}"
            frame, hva = self.facts[number, "shared.pfn"], self.facts[number, "hva"]
            text = self.said(at, f"ks-page {frame:#x}")
            self.assertEqual(len(re.findall(r"spte at 0x\w+ of gfn 0x200,", text)), 6)
            self.assertIn(f"maps it at hva {hva + 0x200000:#x}, which is gfn 0x200", text)
            sptes = [entry["out"] for entry in self.record if entry["at"] == at
                     and re.match("ks-spte 0xff", entry["command"])]
            self.assertEqual(len(sptes), 8)
            self.assertEqual(sum("gfn 0x200  slot 0" in text for text in sptes), 6)
            self.assertIn("leads to the shadow page of gfn 0x101: level 3", sptes[-1])

    def test_map(self):
        """The picture has a letter a page, and its legend the right counts."""
        for number in self.chapters(4):
            text = self.said(f"chapter {number}", "ks-map")
            rows = re.findall(r"^  (\S{64})$", text, re.M)
            self.assertEqual(len(rows), 16)
            cells = "".join(rows)
            self.assertEqual([cells[gfn] for gfn in (0x200, 0x210, 0x220, 0x230, 0x240)],
                             ["Y", "Y", "Y", "s", "."])
            for letter, count in re.findall(r"^(\S) +(\d+) ", text, re.M):
                self.assertEqual(cells.count(letter), int(count), letter)

    def test_graph(self):
        """Graphviz takes the graph, and it has the page's six sptes."""
        for number in self.chapters(2):
            self.assertRegex(self.said(f"chapter {number}", "ks-graph 0x200"),
                             r"build/gdb/graph-200\.svg\n")
        svg = (BUILD / "gdb" / "graph-200.svg").read_text()
        self.assertEqual(len(re.findall("spte at 0x", svg)), 6)
        self.assertIn("rmap_desc", svg)

    # --- the audit

    def test_audit_sound(self):
        """On a sound VM ks-audit says what the module says."""
        for number in self.chapters(2):
            mine = self.counts(f"chapter {number}")
            for name in ("leaf_sptes", "stale_sptes", "rmap_errors", "role_errors"):
                self.assertEqual(mine[name], self.facts[number, f"sound.{name}"], name)
            self.assertEqual([mine["stale_sptes"], mine["rmap_errors"], mine["role_errors"]],
                             [0, 0, 0])
            self.assertGreater(mine["leaf_sptes"], 6)

    def test_audit_planted(self):
        """Each planted fault is found, as often as the module finds it; mended, it is gone."""
        kinds = (("stale_sptes", r"stale: gfn 0x210 "), ("rmap_errors", "is 0 times on its chain"),
                 ("rmap_errors", "which is no present leaf spte"), ("role_errors", "leads to role"))
        for number in self.chapters(5):
            for plant, (kind, words) in enumerate(kinds):
                mine = self.counts(f"plant{plant} {number}")
                self.assertGreater(mine[kind], 0, words)
                self.assertRegex(self.said(f"plant{plant} {number}", "ks-audit"), words)
                for name in ("leaf_sptes", "stale_sptes", "rmap_errors", "role_errors"):
                    self.assertEqual(mine[name], self.facts[number, f"plant{plant}.{name}"],
                                     f"plant {plant}: {name}")
                mended = self.counts(f"mend{plant} {number}")
                self.assertEqual([mended[name] for name in
                                  ("stale_sptes", "rmap_errors", "role_errors")], [0, 0, 0])
            self.assertIn("STALE: the spte maps frame",
                          self.said(f"plant0 {number}", "ks-walk 0x210000"))
            self.assertIn("!        1 STALE spte", self.said(f"plant0 {number}", "ks-map"))

    # --- following a page

    def test_watch(self):
        """A page is followed out to swap and back; each change has its cause."""
        for number in self.chapters(5):
            text = self.said(f"watch {number}", "ks-watch 0x210 40")
            seen = re.findall(r"^gfn 0x210: spte at 0x\w+ ([\w-]+).*\n.*\n  by: (.*)$", text,
                              re.M)
            self.assertLessEqual(set(seen), {
                ("dropped", "invalidate"), ("dropped", "fault"), ("dropped", "slot change"),
                ("set", "fault"), ("aged", "age"), ("write-protected", "slot change")}, text)
            # With the seqlock on 6.12, a flush of everything may come before the question.
            wanted = [("aged", "age")] if number >= (8 if KERNEL == "6.12" else 6) else []
            wanted += [("dropped", "invalidate"), ("set", "fault"), ("dropped", "fault"),
                       ("set", "fault"), ("write-protected", "slot change"),
                       ("dropped", "slot change")]
            rest = iter(seen)  # these are among what was seen, in this order
            self.assertTrue(all(change in rest for change in wanted), text)
            for function in ("try_to_unmap_one", "entry_SYSCALL_64_after_hwframe",
                             "vcpu_run", "set_memory_region"):
                self.assertRegex(text, rf"#\d+ +{function}\b")
            self.assertRegex(text, r"\((the guest has no memory there any more|stopped by "
                                   r"something else than a change of this page)\)\n$")

    # --- under load

    def test_times(self):
        """96 MiB under swap: each command in 2 s, the audit and the map in 10 s."""
        self.assertEqual(self.said("workload", "pages"), 96 * 256)
        stats = self.said("workload", "stats")
        self.assertGreater(stats["sptes_unmapped"], 1000, "the guest was not swapped")
        seen = set()
        for entry in self.record:
            if entry["at"] not in ("workload", "inside the guest"):
                continue
            name = entry["command"].split()[0]
            self.assertNotIn("error", entry, entry["command"])
            if name.startswith("ks-") and name != "ks-watch":
                seen.add(name)
                self.assertLess(entry["seconds"], 10 if name in SLOW else 2, entry["command"])
                print(f"{entry['at']:17} {name:10} {entry['seconds']:.2f} s")
        self.assertEqual(seen, set(COMMANDS) - {"ks-watch"})

    def test_under_load(self):
        """The chains and the roles are in order at any stop, unless a CPU, perhaps another
        than GDB stands on, is just changing them; so are the map's counts."""
        for at in ("workload", "inside the guest"):
            counts = self.counts(at)
            if "mmu_lock is held" not in self.said(at, "ks-audit"):
                self.assertEqual([counts["rmap_errors"], counts["role_errors"]], [0, 0])
            self.assertLessEqual(counts["stale_sptes"], 64)  # on their way out
            legend = re.findall(r"^\S +(\d+) ", self.said(at, "ks-map"), re.M)
            self.assertEqual(sum(map(int, legend)), 96 * 256)
        self.assertRegex(self.said("workload", "ks-map"), r"\ns +\d+ swapped out")

    def test_inside_the_guest(self):
        """A CPU that stands in the guest's code has no kernel mapped; the commands work."""
        wanted, stopped = self.said("inside the guest", "rip")
        self.assertEqual(wanted, stopped)
        self.assertRegex(self.said("inside the guest", "ks-vm"), r"vCPU \d: 64-bit, in the guest")

    def test_watch_under_load(self):
        """A page of a busy guest changes sooner or later, and somebody did it."""
        gfn = self.said("inside the guest", "watched")
        text = self.said("inside the guest", f"ks-watch {gfn:#x} 1")
        self.assertRegex(text, rf"gfn {gfn:#x}: spte at 0x\w+ (dropped|aged)")
        self.assertRegex(text, "by: (invalidate|age|fault)")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *(f"Commands.{name}" if name.startswith("test_") else name
                                       for name in sys.argv[1:])])
