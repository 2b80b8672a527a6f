# SPDX-License-Identifier: GPL-2.0
"""Sphinx's settings; build.py calls Sphinx."""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

project = "kvmswap"
copyright = "the kvmswap authors, GPL-2.0"

extensions = ["breathe", "show"]
breathe_projects = {"kvmswap": str(HERE.parent / "build" / "docs" / "doxygen" / "xml")}
breathe_default_project = "kvmswap"
breathe_domain_by_extension = {"h": "c", "c": "c"}
primary_domain = "c"
highlight_language = "none"
# Attributes of the kernel's that stand in our declarations.
c_id_attributes = ["__user", "__must_check", "noinline"]

html_theme = "furo"
html_title = "kvmswap"
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_sphinx = False
