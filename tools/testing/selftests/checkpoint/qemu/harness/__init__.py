# SPDX-License-Identifier: GPL-2.0
"""Boots guests in QEMU, runs tests in them and judges the results."""
