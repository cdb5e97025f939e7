# SPDX-License-Identifier: GPL-2.0
"""The benchmark: what is run, how it is judged, and how it is shown."""
