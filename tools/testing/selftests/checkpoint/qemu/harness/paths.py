# SPDX-License-Identifier: GPL-2.0
"""Where things are."""
import os

QEMU_DIR = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
SELFTESTS = os.path.dirname(QEMU_DIR)
TOP = os.path.realpath(os.path.join(SELFTESTS, "../../../.."))
BUILD = os.path.join(TOP, "build")
TREE = os.path.join(BUILD, "linux")
# The sources that the binaries were made of.
ASSEMBLED = os.path.join(TREE, "tools/testing/selftests/checkpoint")
BINARIES = os.path.join(BUILD, "selftests")
RUNS = os.path.join(BUILD, "runs")
DEBIAN = os.path.join(BUILD, "debian.img")
INITRAMFS = os.path.join(BUILD, "initramfs.cpio")
KERNELS = {"plain": os.path.join(BUILD, "kernel"), "debug": os.path.join(BUILD, "kernel-debug"),
           "coverage": os.path.join(BUILD, "kernel-coverage"),
           "base": os.path.join(BUILD, "kernel-base"),
           "csan": os.path.join(BUILD, "kernel-csan"),
           "lockstat": os.path.join(BUILD, "kernel-lockstat"),
           "bench": os.path.join(BUILD, "kernel-bench")}
COVERAGE = os.path.join(BUILD, "coverage")
