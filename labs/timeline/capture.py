# SPDX-License-Identifier: GPL-2.0
"""Real runs, traced in the machine by trace-cmd: the races of two chapters, and a guest that
is swapped.  What comes back are trace.dat files, as trace-cmd and KernelShark read them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "code" / "boot"))

from common import BUILD, ROOT, Problem  # noqa: E402

RACES = (4, 5)      # the chapters
MADE = "made.json"
BUFFER = 8192       # KiB for each CPU; trace-cmd empties it all the time
MAGIC = b"\x17\x08Dtracing"

# trace-cmd does not tell the status of what it starts, so that goes through a file.
SCRIPT = """
cd /tmp
traced() {{
	name=$1; shift
	echo "$*; echo \\$? >status" >job
	trace-cmd record -q -C mono -b {buffer} -e kvmswap $host -o $name.dat sh job >$name.out 2>&1
	status=$(cat status)
	rm -f status
	[ "$status" = 0 ] && [ -s $name.dat ] && return
	cat $name.out
	exit ${{status:-119}}
}}
for n in {races}; do
	insmod /kvmswap/chapter$n.ko || exit 120
	traced chapter$n race-demo
	rmmod kvmswap || exit 121
done
host="-e vmscan:mm_vmscan_write_folio"
insmod /kvmswap/kvmswap.ko || exit 120
traced run kvmswap-run --plain {run}
rmmod kvmswap || exit 121
"""


def tool(name, package):
    """A program's path."""
    path = shutil.which(name)
    if not path:
        raise Problem(f"{name} is missing: apt install {package}")
    return path


def capture(kernel, last, folder, memory, limit, passes):
    """Boots, traces, and leaves chapter4.dat, chapter5.dat and run.dat in the folder, beside each
    what the program printed, and in made.json what was run.  The guest that is swapped has so
    many MiB of memory and may keep `limit` of them, goes so often over all, and runs on the
    module of chapter `last`."""
    folder.mkdir(parents=True, exist_ok=True)
    run = (f"--memory {memory} --limit {limit} --passes {passes} --min-in 100 --seed 1 "
           "--timeout 150")
    names = [*(f"chapter{n}" for n in RACES), "run"]
    for name in names:
        for kind in ("dat", "out"):
            (folder / f"{name}.{kind}").unlink(missing_ok=True)
    modules = [f"{BUILD}/{kernel}/chapter{n}/kvmswap.ko:/kvmswap/chapter{n}.ko" for n in RACES]
    command = [ROOT / "code/boot/boot.py", "--kernel", kernel, "--name", f"timeline-{kernel}",
               "--chapter", str(last), "--swap", "256", "--silence", "120", "--timeout", "240"]
    for file in [*modules, f"{tool('trace-cmd', 'trace-cmd')}:/kvmswap/bin/trace-cmd"]:
        command += ["--file", file]
    for name in names:
        for kind in ("dat", "out"):
            command += ["--pull", f"/tmp/{name}.{kind}:{folder}/{name}.{kind}"]
    script = SCRIPT.format(buffer=BUFFER, races=" ".join(map(str, RACES)), run=run)
    status = subprocess.run([*command, "--", script], stdin=subprocess.DEVNULL,
                            check=False).returncode
    if status:
        raise Problem(f"the traced runs ended with status {status}: what was printed is above, "
                      f"and in build/log/timeline-{kernel}.console")
    release = (BUILD / "kernel" / kernel / "release").read_text(encoding="utf-8").strip()
    (folder / MADE).write_text(json.dumps({"kernel": release, "chapter": last, "memory": memory,
                                           "limit": limit}), encoding="utf-8")


def read(path):
    """The text of a trace: of a trace.dat by trace-cmd, of any other file as it stands."""
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise Problem(f"{path}: {error.strerror}") from None
    if not data.startswith(MAGIC):
        return data.decode(errors="replace")
    result = subprocess.run([tool("trace-cmd", "trace-cmd"), "report", "-t", "-i", path],
                            check=False, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, errors="replace")
    # Of a file that is cut off it says nothing at all, and ends well.
    if result.returncode or not result.stdout.startswith("cpus="):
        raise Problem(f"{path}: trace-cmd cannot read it: is the file whole? "
                      f"{result.stderr.strip()[-300:]}")
    return result.stdout
