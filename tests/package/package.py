#!/usr/bin/env python3
"""The packages as their tools see them: dpkg, unzip's format by Python, bash, groff.

    package.py SOURCE LINUX-BUILD WINDOWS-BUILD DRIVERS"""
import filecmp
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
import zipfile

SOURCE, LINUX, WINDOWS, DRIVERS = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(4))


def run(*command, **options):
    return subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True, **options).stdout


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory()
        cls.place = pathlib.Path(cls.home.name)
        for folder in ("first", "second"):
            run(SOURCE / "scripts/package.sh", LINUX, WINDOWS, DRIVERS, cls.place / folder)
        cls.deb, = (cls.place / "first").glob("*.deb")
        cls.zip, = (cls.place / "first").glob("*.zip")
        cls.root = cls.place / "root"
        run("dpkg-deb", "-x", cls.deb, cls.root)

    @classmethod
    def tearDownClass(cls):
        cls.home.cleanup()

    def test_two_packages_of_one_build_are_the_same(self):
        for name in (self.deb.name, self.zip.name):
            self.assertTrue(filecmp.cmp(self.place / "first" / name, self.place / "second" / name, shallow=False), name)

    def test_the_program_in_it_runs(self):
        sample = SOURCE / "samples" / "seed1"
        program = self.root / "usr/bin/ntstack"
        self.assertEqual(run(program, "--version"), f"ntstack {run('dpkg-deb', '-f', self.deb, 'Version').strip()}\n")
        self.assertIn("ExpWaitForResource", run(program, "stacks", sample / "w3wp.dmp", "-y", sample / "symbols"))

    def test_what_it_needs_is_said(self):
        needs = run("dpkg-deb", "-f", self.deb, "Depends")
        for library in ("libc6", "libedit2"):
            self.assertIn(library, needs)

    def test_everything_belongs_to_root(self):
        for line in run("dpkg-deb", "-c", self.deb).splitlines():
            self.assertIn(" root/root ", line)

    def test_bash_completes_commands_and_options(self):
        def completed(*words):
            script = self.root / "usr/share/bash-completion/completions/ntstack"
            typed = " ".join(f"'{w}'" for w in words)
            return run("bash", "-c", f"source {script}; COMP_WORDS=({typed}); COMP_CWORD={len(words) - 1}; _ntstack; "
                                     'printf "%s\\n" "${COMPREPLY[@]}"', cwd=self.place).split()

        self.assertIn("stack-use", completed("ntstack", "st"))
        self.assertEqual(completed("ntstack", "symbols", "fet"), ["fetch"])
        self.assertIn("--json-lines", completed("ntstack", "stacks", "some.dmp", "--j"))
        self.assertEqual(completed("ntstack", "stacks", "roo"), ["root"])  # a folder that is there
        self.assertEqual(completed("ntstack", "no-command", "--js"), [])

    def test_the_manual_page_has_every_command_and_is_well_formed(self):
        page = run("zcat", self.root / "usr/share/man/man1/ntstack.1.gz")
        commands = re.findall(r"^  ([a-z][a-z-]*)  ", run(LINUX / "ntstack", "--help"), re.M)
        self.assertGreater(len(commands), 15)
        for command in commands:
            self.assertIn(".SS " + command.replace("-", "\\-") + "\n", page)
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")
        told = subprocess.run(["groff", "-man", "-Tascii", "-ww", "-z"], input=page, capture_output=True, text=True, check=True)
        self.assertEqual(told.stderr, "")

    def test_the_zip_has_program_driver_and_documents(self):
        with zipfile.ZipFile(self.zip) as archive:
            self.assertIsNone(archive.testzip())
            names = {name.split("/", 1)[1] for name in archive.namelist()}
        for needed in ("ntstack.exe", "ntstack.sys", "driver/arm64/ntstack.sys", "driver/x86/ntstack.pdb", "driver/ntstack.inf",
                       "driver/x64/ntstack_selftest.exe", "docs/driver.md", "docs/schema/ntstack.schema.json", "docs/LICENSE"):
            self.assertIn(needed, names)

    def test_links_between_documents_lead_somewhere(self):
        folder = self.root / "usr/share/doc/ntstack"
        for document in folder.glob("*.md"):
            for link in re.findall(r"\]\(([^)#:]+)[#)]", document.read_text()):
                if not link.startswith("../"):  # of the sources
                    self.assertTrue((folder / link).exists(), f"{document.name}: {link}")


if __name__ == "__main__":
    for tool in ("dpkg-deb", "dpkg-shlibdeps", "x86_64-w64-mingw32-strip"):
        if not shutil.which(tool):
            print(f"skipped: no {tool}")
            sys.exit(77)
    if not (WINDOWS / "ntstack.exe").exists():
        print("skipped: the Windows program is not built")
        sys.exit(77)
    unittest.main()
