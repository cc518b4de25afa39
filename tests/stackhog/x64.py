"""The story's functions as x64 code with unwind data, at the same offsets, with frames nearly twice as large."""
import sites
import x86

UPPER = 0xFFFFF880 << 32
EXPORTS = {
    "HogFarm": "HogFarm",
    "StackEater": "StackEater",
    "DEVICEDISPATCH::DispatchPassThrough": "?DispatchPassThrough@DEVICEDISPATCH@@SAJPEAU_DEVICE_OBJECT@@PEAU_IRP@@@Z",
    "DEVICEDISPATCH::LowerDevicePassThrough": "?LowerDevicePassThrough@DEVICEDISPATCH@@SAJPEAU_DEVICE_OBJECT@@PEAU_IRP@@@Z",
}
BY_HAND = {"nt!_KiTrap0E+0xdc", "nt!KiFastCallEntry+0xfc", "nt!ZwClose+0x11"}  # nt_x64.S has what stands for them
INTERRUPTED = "nt!CcMapData+0x8c"
INTERRUPTED_BYTES = 0x88  # of its own: the listing's count has the trap frame in it
LARGE = 0x1C0  # from here on a frame has a frame pointer
LEAST = 0x30  # the return address, the callee's home space, alignment


def bytes_of(site, least=LEAST):
    """Of a frame, return address included: a multiple of 16. The large ones are buffers, which words make no larger."""
    listed = INTERRUPTED_BYTES if site.name == INTERRUPTED else 2 * site.bytes
    if site.bytes >= 0x100:
        listed -= site.bytes // 4
    return max((listed + 15) & ~15, least)


class Module(x86.Module):
    LAST_CALLEE = 0xB80D0200  # BossHog!StackEater

    def names(self, site):
        names = [site.label]
        if site.is_named:
            named = site.module in sites.WITH_PDB
            names.append(site.symbol if named else f'"{EXPORTS[site.symbol]}"')
        return names

    def head(self, names):
        return [f"    .globl {name}" for name in names] + [f"    .seh_proc {names[0]}"] + [f"{name}:" for name in names]

    def function(self, site):
        size = bytes_of(site)
        if site.name == "MamaHog+0x422a":
            start, end = self.with_many_registers(size)
        elif size >= LARGE:
            start, end = self.with_frame_pointer(size)
        else:
            start = ["    push rbx", "    .seh_pushreg rbx", f"    sub rsp, {size - 16:#x}", f"    .seh_stackalloc {size - 16:#x}",
                     "    .seh_endprologue"]
            end = [f"    add rsp, {size - 16:#x}", "    pop rbx", "    ret"]
        call, length = self.call(site, site.callees)
        is_far = site.address - site.start > 0x60
        self.emit(site.start, *self.head(self.names(site)), *start, *([f"    jmp {site.label}_call"] if is_far else []))
        self.emit((site.address - length, "0xcc" if is_far else "0x90"), f"{site.label}_call:", *call, *end, "    .seh_endproc")

    @staticmethod
    def with_frame_pointer(size):
        start = ["    push rbp", "    .seh_pushreg rbp", "    push rsi", "    .seh_pushreg rsi", f"    sub rsp, {size - 24:#x}",
                 f"    .seh_stackalloc {size - 24:#x}", "    lea rbp, [rsp+0x80]", "    .seh_setframe rbp, 0x80",
                 "    .seh_endprologue"]
        return start, [f"    lea rsp, [rbp+{size - 24 - 0x80:#x}]", "    pop rsi", "    pop rbp", "    ret"]

    @staticmethod
    def with_many_registers(size):
        saved = ["rbp", "rbx", "rsi", "rdi", "r12", "r13", "r14"]
        rest = size - 8 - 8 * len(saved)
        start = [line for name in saved for line in (f"    push {name}", f"    .seh_pushreg {name}")]
        start += [f"    sub rsp, {rest:#x}", f"    .seh_stackalloc {rest:#x}", "    .seh_endprologue"]
        return start, [f"    add rsp, {rest:#x}", *(f"    pop {name}" for name in reversed(saved)), "    ret"]

    def call(self, site, callees):
        if site.name == INTERRUPTED:
            self.data.append((None, ["story_view:", "    .quad 0xfffff980d2340000"]))
            return ["    mov al, byte ptr [rcx]"], 0
        if len({c.name if c else None for c in callees}) > 1:
            name = f"story_{site.address:x}"
            self.data.append((None, [f"{name}:", f"    .quad {name}_rows", f"{name}_rows:", *(
                f"    .quad {UPPER + (c.start if c else self.LAST_CALLEE):#x}" for c in callees)]))
            return [f"    mov rax, qword ptr [rip+{name}]", f"    add qword ptr [rip+{name}], 8", "    call qword ptr [rax]"], 17
        callee = callees[0]
        if callee.module == self.module:
            return [f"    call {callee.label}"], 5
        self.data.append((x86.SLOTS.get(site.name), [f"slot_{site.address:x}:", f"    .quad {UPPER + callee.start:#x}"]))
        return [f"    call qword ptr [rip+slot_{site.address:x}]"], 6

    def page_fault_site(self, site):
        size = bytes_of(site)
        names = self.names(site)
        self.emit(site.start, *self.head(names), "    push rbx", "    .seh_pushreg rbx", f"    sub rsp, {size - 16:#x}",
                  f"    .seh_stackalloc {size - 16:#x}", "    .seh_endprologue", "    mov rcx, qword ptr [rip+story_view]",
                  f"    jmp {site.label}_call")
        call, _ = self.call(site, site.callees)
        self.emit((site.address, "0xcc"), f"{site.label}_call:", *call, f"    add rsp, {size - 16:#x}", "    pop rbx", "    ret",
                  "    .seh_endproc")

    def stack_eater(self):
        """The youngest: its locals end below the stack's limit, in its guard page."""
        self.emit(self.LAST_CALLEE, "    .globl StackEater", "    .seh_proc StackEater", "StackEater:", "    push rbp",
                  "    .seh_pushreg rbp", "    push rbx", "    .seh_pushreg rbx", "    push rsi", "    .seh_pushreg rsi",
                  "    sub rsp, 0x20", "    .seh_stackalloc 0x20", "    .seh_endprologue", "    mov ebp, 0x10246",
                  "    call stack_eater_inside", "    add rsp, 0x20", "    pop rsi", "    pop rbx", "    pop rbp", "    ret",
                  "    .seh_endproc", "    .seh_proc stack_eater_inside", "stack_eater_inside:", "    push rdi",
                  "    .seh_pushreg rdi", "    sub rsp, 0x650", "    .seh_stackalloc 0x650", "    .seh_endprologue",
                  "    mov qword ptr [rsp+0x20], rcx", "    add rsp, 0x650", "    pop rdi", "    ret", "    .seh_endproc")

    def emit_by_hand(self):
        self.emit(0x8082E800, "    ZW_CLOSE")

    def exports(self):
        if self.module in sites.WITH_PDB:
            return []
        names = {s.symbol for s in self.story.values() if s.module == self.module and s.is_named}
        names |= {"StackEater"} if self.module == "BossHog" else set()
        return ['    .section .drectve, "yni"', *(f'    .ascii " /EXPORT:{EXPORTS[name]}"' for name in sorted(names))]


def source_of(module, story):
    text = Module(module, story).source()
    return '    .include "nt_x64.inc"\n' + text if module == "nt" else text
