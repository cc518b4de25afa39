#!/usr/bin/env python3
"""ntstack.sys as llvm-readobj sees it: image.py FOLDER with x64/, arm64/ and x86/."""
import filecmp
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

FOLDER = pathlib.Path(sys.argv.pop(1))
READER = shutil.which("llvm-readobj-19")
if not READER:
    print("skipped: no llvm-readobj-19")
    sys.exit(77)
DRIVER = pathlib.Path(__file__).resolve().parent.parent
ALLOWED = {line.split()[0] for line in (DRIVER / "nt" / "imports.txt").read_text().splitlines()
           if not line.startswith("#")}


class Image(unittest.TestCase):
    def read(self, architecture, *options):
        return subprocess.run([READER, *options, str(FOLDER / architecture / "ntstack.sys")], check=True, capture_output=True,
                              text=True).stdout

    def each(self):
        for architecture in ("x64", "arm64", "x86"):
            with self.subTest(architecture):
                yield architecture

    def test_its_headers_are_a_driver_s(self):
        for architecture in self.each():
            text = self.read(architecture, "--file-headers")
            machine = {"x64": "AMD64", "arm64": "ARM64", "x86": "I386"}[architecture]
            for needed in (f"IMAGE_FILE_MACHINE_{machine}", "IMAGE_SUBSYSTEM_NATIVE", "DYNAMIC_BASE", "NX_COMPAT"):
                self.assertIn(needed, text)
            self.assertNotRegex(text, r"CheckSum: 0x0\n")  # of which Windows takes no driver at boot
            self.assertNotRegex(text, r"AddressOfEntryPoint: 0x0\n")

    def test_it_imports_what_is_on_the_list(self):
        for architecture in self.each():
            text = self.read(architecture, "--coff-imports")
            libraries = dict(re.findall(r"Name: (\S+)[^}]*?((?:Symbol: .*\n\s*)+)", text))
            self.assertLessEqual(set(libraries), {"ntoskrnl.exe", "hal.dll"})
            names = {m for m in re.findall(r"Symbol: (\S+)", text)}
            self.assertGreater(len(names), 30)
            self.assertLessEqual(names - {"KeGetCurrentIrql"}, ALLOWED)
            # Not every kernel exports these: a driver that imports them does not load there.
            self.assertFalse(names & {"KeRemoveQueueApc", "ExAllocatePool2", "ObDereferenceObjectDeferDelete", "MmCopyMemory"})

    def test_another_folder_gives_the_same_bytes(self):
        with tempfile.TemporaryDirectory() as place:
            tree = pathlib.Path(place, "c", "a longer name")
            shutil.copytree(DRIVER, tree / "driver")
            shutil.copy(DRIVER.parent / "CMakeLists.txt", tree)
            for architecture in self.each():
                to = tree / "built" / architecture
                subprocess.run([tree / "driver/build.sh", architecture, to], check=True, capture_output=True)
                for name in ("ntstack.sys", "ntstack.pdb"):
                    self.assertTrue(filecmp.cmp(to / name, FOLDER / architecture / name, shallow=False), name)

    def test_no_section_is_paged_or_both_written_to_and_run(self):
        for architecture in self.each():
            text = self.read(architecture, "--sections")
            for section in text.split("Section {")[1:]:
                name = re.search(r"Name: (\S*)", section)[1]
                self.assertFalse(name.startswith("PAGE"), name)
                self.assertFalse("MEM_EXECUTE" in section and "MEM_WRITE" in section, name)

    def test_every_function_has_unwind_data(self):
        # The kernel walks through them, in the middle of an APC.
        for architecture in ("x64", "arm64"):
            entries = len(re.findall(r"RuntimeFunction \{", self.read(architecture, "--unwind")))
            functions = {m for m in re.findall(r" 0001:\S+\s+(\S+)", (FOLDER / architecture / "ntstack.map").read_text())}
            self.assertGreater(entries, 30, functions)

    def test_it_has_a_version(self):
        for architecture in self.each():
            image = (FOLDER / architecture / "ntstack.sys").read_bytes()
            self.assertTrue("OriginalFilename".encode("utf-16-le") in image)
            self.assertTrue(bytes.fromhex("bd04effe") in image)  # VS_FIXEDFILEINFO

    def test_it_names_its_pdb_without_a_path(self):
        for architecture in self.each():
            self.assertIn("PDBFileName: ntstack.pdb", self.read(architecture, "--coff-debug-directory"))


unittest.main(verbosity=1)
