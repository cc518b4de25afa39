#!/usr/bin/env python3
"""Reads through page tables as a processor does (Unicorn's own MMU, 2.1 and later).

processor_walk.py PAGING MEMORY ROOT CODE CODE_PAGE < addresses: for each address, a line each, prints the word
that the processor reads there, "fault" where it faults, or "hole" where it is led to memory that is not there."""
import sys

import unicorn
from unicorn import UC_TLB_CPU, Uc, UcError

X86_PG, X86_PE, CR4_PSE, CR4_PAE, CR4_LA57 = 1 << 31, 1, 1 << 4, 1 << 5, 1 << 12
EFER, EFER_LME_LMA_NXE = 0xC0000080, 1 << 8 | 1 << 10 | 1 << 11


class X86:
    from unicorn import x86_const as names
    code = b"\x8b\x03\x90"  # mov eax, [ebx]; nop

    def __init__(self, paging):
        self.paging = paging
        self.wide = paging.startswith("x64")
        mode = unicorn.UC_MODE_64 if self.wide else unicorn.UC_MODE_32
        self.uc = Uc(unicorn.UC_ARCH_X86, mode)
        if paging == "x64_la57":
            self.uc.ctl_set_cpu_model(self.names.UC_CPU_X86_ICELAKE_SERVER)
        if self.wide:
            self.code = b"\x48" + self.code

    def enable(self, root):
        uc, names = self.uc, self.names
        cr4 = {"x86": CR4_PSE, "x86_pae": CR4_PAE, "x64": CR4_PAE, "x64_la57": CR4_PAE | CR4_LA57}[self.paging]
        if self.paging != "x86":
            uc.msr_write(EFER, EFER_LME_LMA_NXE if self.wide else 1 << 11)
        uc.reg_write(names.UC_X86_REG_CR4, cr4)
        uc.reg_write(names.UC_X86_REG_CR3, root)
        uc.reg_write(names.UC_X86_REG_CR0, X86_PG | X86_PE | 0x10)

    def load(self, address, code):
        names = self.names
        to, at = ((names.UC_X86_REG_RAX, names.UC_X86_REG_RBX) if self.wide else
                  (names.UC_X86_REG_EAX, names.UC_X86_REG_EBX))
        self.uc.reg_write(at, address)
        self.uc.emu_start(code, code + len(self.code) - 1)
        return self.uc.reg_read(to)


def main():
    paging, memory, root, code, code_page = sys.argv[1], sys.argv[2], *(int(a, 16) for a in sys.argv[3:6])
    processor = X86(paging)
    uc = processor.uc
    with open(memory, "rb") as file:
        contents = file.read()
    uc.ctl_set_tlb_mode(UC_TLB_CPU)
    uc.mem_map(0, len(contents))
    uc.mem_write(0, contents)
    uc.mem_write(code_page, processor.code)
    processor.enable(root)
    # A fault leaves the processor in the middle of it: each load begins afresh.
    fresh = uc.context_save()
    for line in sys.stdin:
        uc.context_restore(fresh)
        try:
            print(f"{processor.load(int(line, 16), code):x}")
        except UcError as error:
            missing = error.errno in (unicorn.UC_ERR_READ_UNMAPPED, unicorn.UC_ERR_FETCH_UNMAPPED)
            print("hole" if missing else "fault")


main()
