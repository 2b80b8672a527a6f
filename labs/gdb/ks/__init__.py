# SPDX-License-Identifier: GPL-2.0
"""The decoder: what the memory of a machine with kvmswap in it means. Knows nothing of GDB."""
