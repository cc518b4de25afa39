#!/usr/bin/env python3
"""Makes a large PDB: 20 modules of 5,000 functions each, with another inlined into every one, compiled by
clang and linked by lld.

    make_big_pdb.py FOLDER [MODULES [FUNCTIONS]]

writes FOLDER/big.exe and FOLDER/big.pdb. pdb_bench reads them from NTSTACK_BIG_PDB=FOLDER/big.pdb.
"""
import pathlib
import subprocess
import sys

TARGET = ["clang-19", "--target=x86_64-pc-windows-msvc", "-g", "-gcodeview", "-O1", "-ffreestanding"]


def source(module, functions):
    lines = ["extern volatile int sink;"] if module else ["volatile int sink;"]
    lines += ["static inline __attribute__((always_inline)) int mixed(int a, int b) {",
              "  sink = a;",
              "  return a * 3 + b;",
              "}"]
    for i in range(functions):
        lines += [
            f"struct s{module}_{i % 100} {{ int a, b; char c[{i % 7 + 1}]; }};" if i < 100 else "",
            f"int module{module}_function_{i}(int a, int b) {{",
            f"  int sum = a * {i};",
            "  if (sum > b)",
            "    sink = mixed(sum, b);",
            f"  for (int k = 0; k < {i % 5 + 1}; ++k)",
            "    sink += k + b;",
            "  return sum + sink;",
            "}",
        ]
    return "\n".join(lines) + "\n"


def main():
    folder = pathlib.Path(sys.argv[1])
    modules = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    functions = int(sys.argv[3]) if len(sys.argv) > 3 else 5000
    folder.mkdir(parents=True, exist_ok=True)
    objects = []
    for module in range(modules):
        path = folder / f"module{module}.c"
        text = source(module, functions)
        if module == 0:
            text += "int start(void) { return module0_function_0(1, 2); }\n"
        path.write_text(text)
        objects.append(str(path.with_suffix(".obj")))
        subprocess.run(TARGET + ["-c", str(path), "-o", objects[-1]], check=True)
    subprocess.run(["lld-link-19", "/nologo", "/debug", "/nodefaultlib", "/entry:start",
                    "/subsystem:console", f"/out:{folder / 'big.exe'}"] + objects, check=True)


if __name__ == "__main__":
    main()
