#!/usr/bin/python3 -B
# SPDX-License-Identifier: GPL-2.0
"""Proves the models with spin, and that each line which they offer to change matters.

    model.py [LINE]

Without LINE: every model must hold as it is, and must fail with each of its changes (the
numbers after "LINE" in it).  With LINE: the shortest way in which range.pml fails with that
change, step by step; 0 is the model as it is, and holds.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MODELS = sorted((ROOT / "labs" / "model").glob("*.pml"))
PLACE = ROOT / "build" / "model"


def run(*command):
    """Runs a command in the model's own folder; returns what it printed."""
    result = subprocess.run(command, cwd=PLACE, stdout=subprocess.PIPE, check=False,
                            stderr=subprocess.STDOUT, text=True)
    if result.returncode and command[0] != "./pan":
        sys.exit(f"model: {' '.join(command)} failed:\n{result.stdout}")
    return result.stdout


def verify(model, line, *options):
    """Has spin look at every state; returns (errors, states)."""
    PLACE.mkdir(parents=True, exist_ok=True)
    for trail in PLACE.glob("*.trail"):
        trail.unlink()
    run("spin", f"-DLINE={line}", "-a", str(model))
    run("gcc", "-O2", "-w", "-DSAFETY", *(["-DREACH"] if options else []), "-o", "pan", "pan.c")
    text = run("./pan", "-m1000000", *options)
    errors = re.search(r"errors: (\d+)", text)
    states = re.search(r"(\d+) states, stored", text)
    if not errors or not states or "max search depth too small" in text:
        sys.exit(f"model: pan did not look at all of {model.name}:\n{text}")
    return int(errors.group(1)), int(states.group(1))


def lines(model):
    """The changes that a model offers: number -> what the first mention of it says."""
    return sorted({int(n) for n in re.findall(r"LINE [!=]= (\d+)", model.read_text())})


def check_all():
    """All models, and all changes of them."""
    passed = failed = 0
    for model in MODELS:
        for line in [0] + lines(model):
            errors, states = verify(model, line)
            good = bool(errors) == bool(line)
            passed, failed = passed + good, failed + (not good)
            what = "as it is" if not line else f"with line {line} changed"
            print(f"{model.name:12} {what:22} {states:8} states, "
                  f"{'fails' if errors else 'holds'}{'' if good else '  NOT OK'}")
    print(f"model: {passed} passed, {failed} failed")
    return failed or not passed


def show(line):
    """How the first model with this change fails, in as few steps as there can be."""
    model = next((m for m in MODELS if line in lines(m)), None)
    if line and not model:
        sys.exit(f"model: LINE={line} is not in {', '.join(m.name for m in MODELS)}")
    model = model or MODELS[0]
    errors, states = verify(model, line, "-i")
    if not errors:
        print(f"{model.name} holds, {states} states")
        return 0
    sys.stdout.write(run("spin", f"-DLINE={line}", "-t", "-p", "-g", "-l", "-k",
                         f"{model.name}.trail", str(model)))
    return 0


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C"
    sys.exit(show(int(sys.argv[1])) if len(sys.argv) > 1 and sys.argv[1] else check_all())
