# SPDX-License-Identifier: GPL-2.0
"""The assembled kernel tree: base source + patches/ + our own files."""
