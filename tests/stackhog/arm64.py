"""The story's functions as ARM64 code with unwind data, at the same offsets (rounded down to instructions), as large as on x64."""
import sites
import x64
import x86

UPPER = x64.UPPER
LEAST = 0x10


class Module(x64.Module):
    TEXT_DIRECTIVES = ["    .text", "text_begin:"]

    def function(self, site):
        self.place(site, self.call(site, site.callees))

    def page_fault_site(self, site):
        # The fault is where the return address would be.
        self.data.append((None, ["story_view:", "    .quad 0xfffff980d2340000"]))
        load = ["    adrp x8, story_view", "    ldr x8, [x8, :lo12:story_view]", "    ldrb w8, [x8]"]
        self.place(site, load, after=4)

    def place(self, site, call, after=0):
        start, end = self.frame(site)
        begin, at = site.start & ~3, (site.address & ~3) + after - 4 * len(call)
        count = sum(1 for line in start if not line.strip().startswith("."))
        room = at - begin - 4 * count
        # By its size: of what .org fills the assembler can't tell a function's length in time.
        gap = [f"    b {site.label}_call", f"    .zero {room - 4}"] if room else []
        self.emit(begin, *self.head(self.names(site)), *start, *gap, f"{site.label}_call:", *call, *end, "    .seh_endproc")

    @staticmethod
    def frame(site):
        size = x64.bytes_of(site, LEAST)
        if site.name == "MamaHog+0x422a":
            first, registers = 0x40, [("x19", "x20", 0x10), ("x21", "x22", 0x20), ("x23", "x24", 0x30)]
        else:
            first, registers = (size, []) if size <= 0x1F0 else (0x10, [])
        rest = size - first
        start = [f"    stp x29, x30, [sp, #-{first:#x}]!", f"    .seh_save_fplr_x {first:#x}"]
        end = [f"    ldp x29, x30, [sp], #{first:#x}", f"    .seh_save_fplr_x {first:#x}", "    .seh_endepilogue", "    ret"]
        for one, other, at in registers:
            start += [f"    stp {one}, {other}, [sp, #{at:#x}]", f"    .seh_save_regp {one}, {at:#x}"]
            end[:0] = [f"    ldp {one}, {other}, [sp, #{at:#x}]", f"    .seh_save_regp {one}, {at:#x}"]
        start += ["    mov x29, sp", "    .seh_set_fp"]
        if rest:
            start += [f"    sub sp, sp, #{rest:#x}", f"    .seh_stackalloc {rest:#x}"]
            end[:0] = [f"    add sp, sp, #{rest:#x}", f"    .seh_stackalloc {rest:#x}"]
        return [*start, "    .seh_endprologue"], ["    .seh_startepilogue", *end]

    def call(self, site, callees):
        if len({c.name if c else None for c in callees}) > 1:
            name = f"story_{site.address:x}"
            self.data.append((None, [f"{name}:", f"    .quad {name}_rows", f"{name}_rows:", *(
                f"    .quad {UPPER + ((c.start if c else self.LAST_CALLEE) & ~3):#x}" for c in callees)]))
            return [f"    adrp x8, {name}", f"    ldr x9, [x8, :lo12:{name}]", "    add x10, x9, #8", f"    str x10, [x8, :lo12:{name}]",
                    "    ldr x9, [x9]", "    blr x9"]
        callee = callees[0]
        if callee.module == self.module:
            return [f"    bl {callee.label}"]
        slot = f"slot_{site.address:x}"
        self.data.append((x86.SLOTS.get(site.name), [f"{slot}:", f"    .quad {UPPER + (callee.start & ~3):#x}"]))
        return [f"    adrp x8, {slot}", f"    ldr x8, [x8, :lo12:{slot}]", "    blr x8"]

    def stack_eater(self):
        """The youngest: its locals end below the stack's limit, in its guard page."""
        self.emit(self.LAST_CALLEE, "    .globl StackEater", "    .seh_proc StackEater", "StackEater:",
                  "    stp x29, x30, [sp, #-0x20]!", "    .seh_save_fplr_x 0x20", "    mov x29, sp", "    .seh_set_fp",
                  "    .seh_endprologue", "    bl stack_eater_inside", "    .seh_startepilogue", "    ldp x29, x30, [sp], #0x20",
                  "    .seh_save_fplr_x 0x20", "    .seh_endepilogue", "    ret", "    .seh_endproc",
                  "    .seh_proc stack_eater_inside", "stack_eater_inside:", "    stp x29, x30, [sp, #-0x10]!",
                  "    .seh_save_fplr_x 0x10", "    mov x29, sp", "    .seh_set_fp", "    sub sp, sp, #0xa00",
                  "    .seh_stackalloc 0xa00", "    .seh_endprologue", "    str x0, [sp, #0x20]", "    .seh_startepilogue",
                  "    add sp, sp, #0xa00", "    .seh_stackalloc 0xa00", "    ldp x29, x30, [sp], #0x10",
                  "    .seh_save_fplr_x 0x10", "    .seh_endepilogue", "    ret", "    .seh_endproc")

    def emit_by_hand(self):
        self.emit(0x8082E800, "    .globl ZwClose, site_8082e811", "    .seh_proc ZwClose", "ZwClose:", "site_8082e811:",
                  "    .seh_endprologue", "    nop", "    nop", "    nop", "    svc #2", "    ret", "    .seh_endproc")


def source_of(module, story):
    return Module(module, story).source()
