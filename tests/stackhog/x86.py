"""The story's functions as 32-bit code: frames along EBP, as their time's compilers made them."""
import sites

TEXT = 0x1000  # the code begins so far behind an image's base
EXPORTS = {
    "HogFarm": "HogFarm",
    "StackEater": "StackEater",
    "DEVICEDISPATCH::DispatchPassThrough": "?DispatchPassThrough@DEVICEDISPATCH@@SGJPAU_DEVICE_OBJECT@@PAU_IRP@@@Z",
    "DEVICEDISPATCH::LowerDevicePassThrough": "?LowerDevicePassThrough@DEVICEDISPATCH@@SGJPAU_DEVICE_OBJECT@@PAU_IRP@@@Z",
}
SLOTS = {"BabyHog!HogFarm+0xaf": 0xB9596090}  # that a call goes through, where the seed says which
DATA = {"BabyHog": 0xB9596000, "MamaHog": 0xB8D98000}  # where data begins, if not right behind the code
DATA_ENDS = {"MamaHog": 0xB8D9F000}
ARGUMENTS = {  # words on the stack, where they are not two
    "nt!IofCallDriver+0x45": 0, "nt!IopfCompleteRequest+0xcd": 0, "nt!NtClose+0x1b": 1, "nt!ZwClose+0x11": 1,
    "nt!MmAccessFault+0x89e": 4, "nt!IopXxxControlFile+0x255": 11, "nt!NtDeviceIoControlFile+0x2a": 10,
    "MamaHog+0x87fe": 4, "BabyHog!HogFarm+0x2b0": 3, "Ntfs!NtfsCompleteRequest+0xc8": 3, "BabyHog+0x1196": 2,
}
BY_HAND = {"nt!_KiTrap0E+0xdc", "nt!KiFastCallEntry+0xfc", "nt!ZwClose+0x11"}  # nt_x86.S has them
# Of IofCallDriver's last calls the device, the IRP and the ESI that it saves: the seed's own words on the stack.
DEVICES = {-1: (0x8763F718, 0x87758BD8, 0x8B4ABB00), -2: (0x8765B6A8, 0x87758BD8, 0x89751350)}


def decorated(site):
    """The linker's name of a function with one."""
    name = site.symbol
    if site.module not in sites.WITH_PDB:
        return f'"{EXPORTS[name]}"' if "::" in name else "_" + name
    if name in ("IofCallDriver", "IopfCompleteRequest"):
        return f'"@{name}@8"'
    return f'"_{name}@{4 * ARGUMENTS.get(site.name, 2)}"'


def arguments(site):
    return ARGUMENTS.get(site.name, 2)


class Module:
    TEXT_DIRECTIVES = ["    .intel_syntax noprefix", "    .text", "text_begin:"]

    def __init__(self, module, story):
        self.module, self.base = module, sites.BASES[module]
        self.text, self.data = [], []  # the latter: (address or None, lines)
        self.places = []  # (address, lines)
        self.story = story

    def emit(self, address, *lines):
        self.places.append((address, lines))

    def function(self, site):
        callees = list(site.callees)
        call, size = self.call(site, callees)
        needed = max((arguments(c) for c in callees if c), default=0)
        stack = site.bytes - 8 - 4 * needed
        lines = [f"    .globl {name}\n{name}:" for name in [site.label] + ([decorated(site)] if site.is_named else [])]
        if site.name == "MamaHog+0x422a":
            lines += self.seed_prologue()
        else:
            lines += ["    push ebp", "    .byte 0x8b, 0xec"]
            lines += self.locals_and_arguments(site, stack, needed)
        if site.address - site.start > 0x60:
            lines.append(f"    jmp {site.label}_call")
            fill = "0xcc"
        else:
            fill = "0x90"
        self.emit(site.start, *lines)
        self.emit((site.address - size, fill), f"{site.label}_call:", *call, "    leave", f"    ret {4 * arguments(site)}")

    def locals_and_arguments(self, site, stack, needed):
        if site.name == "nt!IofCallDriver+0x45":  # the next device, by the driver's own account
            return ["    mov eax, dword ptr [story_next]", "    add dword ptr [story_next], 16", "    push dword ptr [eax+12]",
                    "    push dword ptr [eax+8]", "    push dword ptr [eax+4]"]
        lines = [f"    sub esp, {stack:#x}"] if stack else []
        lines += ["    push dword ptr [ebp+8]" if i % 2 else f"    push {i + 1}" for i in range(needed)]
        return lines

    @staticmethod
    def seed_prologue():
        """By the seed's uf b8d8c0d0, and what its 708 bytes leave: three registers and four arguments."""
        return ["    push ebp", "    .byte 0x8b, 0xec", "    push -1", "    push 0xb8d9e240", "    push 0xb8d9b208",
                "    mov eax, dword ptr fs:[0]", "    push eax", "    mov dword ptr fs:[0], esp", "    add esp, -656",
                "    push ebx", "    push esi", "    push edi", "    push 4", "    push 3", "    push 2", "    push 1"]

    def call(self, site, callees):
        """Its instructions, and the bytes of what comes before the return address."""
        if site.name == "nt!IofCallDriver+0x45":
            self.table("story_next", 16, [self.device(site, i) for i in range(len(callees))])
            return ["    call dword ptr [eax]"], 2
        if site.name == "nt!CcMapData+0x8c":  # not a call: the view is not there
            self.data.append((None, ["story_view:", "    .long 0xd2340000"]))
            return ["    mov al, byte ptr [ecx]"], 0
        if len({c.name for c in callees}) > 1:
            name = f"story_{site.address:x}"
            self.table(name, 4, [f"    .long {c.start:#x}" for c in callees])
            return [f"    mov eax, dword ptr [{name}]", f"    add dword ptr [{name}], 4", "    call dword ptr [eax]"], 14
        callee = callees[0]
        if callee.module == self.module and site.name not in SLOTS:
            return [f"    call {callee.label}"], 5
        self.data.append((SLOTS.get(site.name), [f"slot_{site.address:x}:", f"    .long {callee.start:#x}"]))
        return [f"    call dword ptr [slot_{site.address:x}]"], 6

    @staticmethod
    def device(site, index):
        """{what its driver does, the device, the IRP, ESI of that moment}."""
        count = len(site.callees)
        callee = site.callees[index]
        device, irp, esi = DEVICES.get(index - count, (0x87600018 + 0x1a20 * index, 0x87758BD8, 0x89751350))
        start = "0xb80d0200" if callee is None else f"{callee.start:#x}"  # at last: BossHog!StackEater
        return f"    .long {start}, {device:#x}, {irp:#x}, {esi:#x}"

    def table(self, name, _, rows):
        self.data.append((None, [f"{name}:", f"    .long {name}_rows", f"{name}_rows:", *rows]))

    def stack_eater(self):
        """The youngest: no frame along EBP, which it uses for something else, and a stack pointer that it aligned down."""
        name = EXPORTS["StackEater"]
        self.emit(0xB80D0200, f"    .globl _{name}\n_{name}:", "    push ebp", "    push ebx", "    push esi", "    push edi",
                  "    mov eax, esp", "    and esp, -64", "    sub esp, 0x40", "    mov dword ptr [esp+0x20], eax",
                  "    mov ebp, 0x10246", "    mov ecx, esi", "    call stack_eater_inside",
                  "    mov esp, dword ptr [esp+0x20]", "    pop edi", "    pop esi", "    pop ebx", "    pop ebp", "    ret 8",
                  "stack_eater_inside:", "    push esi", "    sub esp, 0x254", "    xor ebp, 0x7000",
                  "    mov dword ptr [esp+0x10], ecx", "    mov eax, dword ptr [ecx+0x28]", "    jmp dword ptr [eax+0x10]")

    def page_fault_site(self, site):
        self.emit(site.start, f"    .globl {site.label}, {decorated(site)}", f"{site.label}:", f"{decorated(site)}:",
                  "    push ebp", "    .byte 0x8b, 0xec", "    sub esp, 0x3c", "    mov ecx, dword ptr [story_view]",
                  f"    jmp {site.label}_call")
        call, _ = self.call(site, site.callees)
        self.emit((site.address, "0xcc"), f"{site.label}_call:", *call, "    leave", "    ret 8")

    def source(self):
        for site in self.story.values():
            if site.module != self.module or site.name in BY_HAND:
                continue
            if site.name == "nt!CcMapData+0x8c":
                self.page_fault_site(site)
            else:
                self.function(site)
        if self.module == "BossHog":
            self.stack_eater()
        out = [*self.TEXT_DIRECTIVES]
        if self.module == "nt":
            self.emit_by_hand()
        key = lambda place: place[0][0] if isinstance(place[0], tuple) else place[0]  # noqa: E731
        for place, lines in sorted(self.places, key=key):
            at, fill = place if isinstance(place, tuple) else (place, "0xcc")
            out += [f"    .org {at - self.base - TEXT:#x}, {fill}", *lines]
        if self.module in DATA:
            out.append(f"    .org {DATA[self.module] - 0x1000 - self.base - TEXT:#x}, 0xcc")  # a page of .rdata is between
        out += ["    .data", "data_begin:"]
        for at, lines in sorted(self.data, key=lambda d: d[0] or 1 << 40):
            out += [f"    .org {at - DATA[self.module]:#x}"] if at else []
            out += lines
        if self.module in DATA_ENDS:
            out.append(f"    .org {DATA_ENDS[self.module] - DATA[self.module]:#x}")
        out += self.exports()
        return "\n".join(out) + "\n"

    def emit_by_hand(self):
        for at, macro in ((0x80889600, "KI_SYSTEM_SERVICE"), (0x80889690, "KI_FAST_CALL_ENTRY"), (0x8088978A, "KI_SERVICE_CALL"),
                          (0x8088C6BC, "KI_TRAP_0E"), (0x8088C793, "KI_TRAP_0E_CALL"), (0x8082E800, "ZW_CLOSE"),
                          (0x8084CFE0, "MM_IS_ADDRESS_VALID"), (0x8088E000, "KI_TRAP_08")):
            self.emit(at, f"    {macro}")

    def exports(self):
        if self.module in sites.WITH_PDB:
            return []
        names = {s.symbol for s in self.story.values() if s.module == self.module and s.is_named}
        names |= {"StackEater"} if self.module == "BossHog" else set()
        return ["    .section .drectve, \"yni\"",
                *(f"    .ascii \" /EXPORT:{EXPORTS[name]}{'' if '::' in name else '=_' + name}\"" for name in sorted(names))]


def source_of(module, story):
    text = Module(module, story).source()
    return '    .include "nt_x86.S"\n' + text if module == "nt" else text
