#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Installs Python, in which all other tools here are written, where it is missing.
[ -x /usr/bin/python3 ] && exit
if ! command -v apt-get >/dev/null; then
	echo "setup: /usr/bin/python3 is missing, and so is apt: install Python 3.9 or later" >&2
	exit 1
fi
sudo=
if [ "$(id -u)" != 0 ]; then
	sudo=sudo
	if ! command -v sudo >/dev/null; then
		echo "setup: neither root nor sudo; as root, run: apt-get install python3" >&2
		exit 1
	fi
fi
echo "setup: for the tools in code/boot, installing with apt: python3" >&2
log=$(mktemp)
if ! { $sudo apt-get update -q && $sudo env DEBIAN_FRONTEND=noninteractive \
	apt-get install -y -q --no-install-recommends python3; } >"$log" 2>&1 </dev/null; then
	tail -n 15 "$log" >&2
	rm -f "$log"
	exit 1
fi
rm -f "$log"
