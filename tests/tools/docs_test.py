#!/usr/bin/python3
"""Every page of the tree is whole: relative links lead to files, and nothing is left to be filled in."""

import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)\s]*)?\)")
PLACEHOLDER = "@" * 2


def faults(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    found = [f"{page}: {PLACEHOLDER} is left"] if PLACEHOLDER in text else []
    for target in LINK.findall(text):
        if "://" not in target and not target.startswith("mailto:"):
            if not (page.parent / target).exists():
                found.append(f"{page}: no file {target}")
    return found


def pages() -> list[Path]:
    """What git tracks or would track; in an unpacked archive all but the outputs of a build."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if (ROOT / ".git").exists() and listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        paths = [
            path
            for path in ROOT.rglob("*.md")
            if not path.relative_to(ROOT).parts[0].startswith((".", "build", "out"))
        ]
    return [path for path in paths if path.is_file()]


class Docs(unittest.TestCase):
    def test_both_faults_are_found_and_no_others(self):
        with tempfile.TemporaryDirectory() as folder:
            page = Path(folder) / "page.md"
            page.write_text("[a](page.md#part) [b](https://example.org/x) `a @ b`\n")
            self.assertEqual(faults(page), [])
            page.write_text(f"[a](missing.md#part) {PLACEHOLDER}\n")
            self.assertEqual(len(faults(page)), 2)

    def test_the_pages_of_the_tree_have_none(self):
        self.assertIn(ROOT / "README.md", pages())
        self.assertEqual([fault for page in pages() for fault in faults(page)], [])


if __name__ == "__main__":
    sys.exit(unittest.main())
