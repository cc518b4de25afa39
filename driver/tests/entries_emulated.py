#!/usr/bin/env python3
"""ntstack.sys's entries (the APC's routines, the cancel routine, the dispatch routine) run by an emulated processor of each
architecture, with the kernel's functions played by this test. Truth: the processor. Checked are the registers that are
captured, that every register a call preserves is preserved, and that the last act is a jump that leaves the stack as if the
kernel had called that function itself: not one instruction of the image comes after it.

    entries_emulated.py FOLDER     with x64/, arm64/ and x86/, each with ntstack.sys and ntstack.map"""
import pathlib
import re
import struct
import sys
import unittest

try:
    import unicorn
    from unicorn import arm64_const as a64, x86_const as x86
except ImportError:
    print("skipped: no python3-unicorn")
    sys.exit(77)

FOLDER = pathlib.Path(sys.argv.pop(1))


def read_imports():
    """Of each import: its arguments' bytes on x86, and its calling convention there."""
    imports = {"KeGetCurrentIrql": ("", 0), "ObDereferenceObjectDeferDelete": ("", 4)}
    for line in (pathlib.Path(__file__).parent.parent / "nt" / "imports.txt").read_text().splitlines():
        name, kind = (line.split() + ["", ""])[:2]
        if name and name != "#" and (match := re.fullmatch(r"([fcd]?)(\d*)", kind)):
            imports[name] = (match[1], int(match[2] or 12))
    return imports


IMPORTS = read_imports() | {"DbgPrint": ("c", 16)}  # as many as any call of it has

STACK, STACK_SIZE = 0x20000000, 0x10000
OLDER_STACK = 0x20040000
POOL, TRAPS, RETURN, PCR = 0x30000000, 0x31000000, 0x32000000, 0x33000000
THREAD, DRIVER, LATER = 0x12345670, 0x12346670, TRAPS + 0xf000
FRAMES = [0x70001111, 0x70002222, 0x70003333]  # of the kernel
TIME = 0x123456789a


class Machine:
    """The image, with a kernel around it. Subclasses know the processor and its calls."""

    def __init__(self, name):
        folder = FOLDER / name
        self.image = (folder / "ntstack.sys").read_bytes()
        self.symbols = {m[2]: int(m[3], 16) for m in re.finditer(
            r"^ ([0-9a-f]{4}:[0-9a-f]{8}) +(\S+) +([0-9a-f]{8,16})", (folder / "ntstack.map").read_text(), re.M)}
        self.uc = unicorn.Uc(*self.ENGINE)
        for at, size in ((STACK, STACK_SIZE), (OLDER_STACK, 0x6000), (POOL, 0x20000), (TRAPS, 0x10000), (RETURN, 0x1000), (PCR, 0x1000),
                         (self.SHARED_DATA, 0x1000)):
            self.uc.mem_map(at, size)
        self.load()
        self.calls = []  # of the kernel's functions: name, arguments
        self.last = None  # the one that was jumped to: what the stack was then
        self.uc.hook_add(unicorn.UC_HOOK_CODE, self.on_trap, begin=TRAPS, end=TRAPS + 0xffff)
        self.uc.hook_add(unicorn.UC_HOOK_CODE, self.on_return, begin=RETURN, end=RETURN + 0xfff)
        self.steps = 0
        self.uc.hook_add(unicorn.UC_HOOK_CODE, self.on_step, begin=self.base, end=self.base + self.size)
        self.put(self.SHARED_DATA + 8, struct.pack("<QI", TIME, TIME >> 32))
        state = next(a for n, a in self.symbols.items() if n.startswith("?driver_state@"))
        self.state = lambda index, value: self.word(state + index * self.WORD, value)
        self.state(0, DRIVER)
        self.state(2, self.base)
        self.state(3, self.base + self.size)
        self.prepare()

    def load(self):
        u32 = lambda at: struct.unpack_from("<I", self.image, at)[0]
        u16 = lambda at: struct.unpack_from("<H", self.image, at)[0]
        header = u32(0x3c)
        optional = header + 24
        is_64 = u16(optional) == 0x20b
        self.base = struct.unpack_from("<Q" if is_64 else "<I", self.image, optional + (24 if is_64 else 28))[0]
        self.size = u32(optional + 56)
        self.uc.mem_map(self.base, (self.size + 0xfff) & ~0xfff)
        for i in range(u16(header + 6)):
            section = optional + u16(header + 20) + 40 * i
            size = min(u32(section + 8), u32(section + 16))
            self.put(self.base + u32(section + 12), self.image[u32(section + 20):u32(section + 20) + size])
        self.link(u32(optional + (112 if is_64 else 96) + 8), is_64)

    def link(self, directory, is_64):
        """Each import's slot leads to an address of its own among the traps."""
        self.traps = {}
        word, size = ("<Q", 8) if is_64 else ("<I", 4)
        while (names := struct.unpack("<I", self.get(self.base + directory, 4))[0]) != 0:
            slots = struct.unpack("<I", self.get(self.base + directory + 16, 4))[0]
            for i in range(1000):
                entry = struct.unpack(word, self.get(self.base + names + i * size, size))[0]
                if entry == 0:
                    break
                text = self.get(self.base + entry + 2, 60).split(b"\0")[0].decode()
                trap = TRAPS + 16 * len(self.traps)
                self.traps[trap] = text
                self.put(self.base + slots + i * size, struct.pack(word, trap))
            directory += 20
        self.traps[LATER] = "ObDereferenceObjectDeferDelete"

    def put(self, at, data):
        self.uc.mem_write(at, data)

    def get(self, at, size):
        return bytes(self.uc.mem_read(at, size))

    def word(self, at, value=None):
        if value is not None:
            self.put(at, value.to_bytes(self.WORD, "little"))
        return int.from_bytes(self.get(at, self.WORD), "little")

    def u32(self, at):
        return struct.unpack("<I", self.get(at, 4))[0]

    def u64s(self, at, count):
        return list(struct.unpack(f"<{count}Q", self.get(at, 8 * count)))

    def on_trap(self, uc, address, size, data):
        name = self.traps.get(address)
        if name is None:
            raise AssertionError(f"call to {address:#x}")
        if self.return_address() == RETURN:  # a jump, not a call: the caller's frame is the kernel's
            self.last = (name, self.arguments(3), self.sp_after_return(name), self.preserved())
            uc.emu_stop()
            return
        count = IMPORTS[name][1] // 4
        arguments = self.arguments(count)
        self.calls.append((name, arguments))
        self.leave(name, getattr(self, name, lambda *_: 0)(*arguments))

    def on_step(self, uc, address, size, data):
        self.steps += 1

    def on_return(self, uc, address, size, data):
        self.last = (None, None, self.sp(), self.preserved())
        uc.emu_stop()

    # The kernel's functions, as far as they do something.
    def memset(self, to, value, size):
        self.put(to, bytes([value & 0xff]) * size)
        return to

    def memcpy(self, to, source, size):
        self.put(to, self.get(source, size))
        return to

    def IoGetStackLimits(self, low, high):
        self.word(low, STACK)
        self.word(high, STACK + STACK_SIZE)
        return 0

    def RtlCaptureStackBackTrace(self, skip, room, to, hash_at):
        frames = ([self.base + 0x1234, self.base + 0x1567] + FRAMES)[:room]
        for i, frame in enumerate(frames):
            self.word(to + i * self.WORD, frame)
        return len(frames)

    def KeGetCurrentIrql(self):
        return 1

    has_privilege = 1

    def SeSinglePrivilegeCheck(self, *_):
        return self.has_privilege

    parameters = {}  # the service's, by name

    def ZwOpenKey(self, *_):
        return 0 if self.parameters else 0xc0000034

    def ZwQueryValueKey(self, key, name, kind, to, room, size):
        value = self.parameters.get(self.string(name))
        if value is None:
            return 0xc0000034
        self.put(to, struct.pack("<4I", 0, 4, 4, value))  # REG_DWORD
        return 0

    def ExAllocatePoolWithTag(self, kind, size, tag):
        self.allocated = (getattr(self, "allocated", POOL + 0x7000) + 15) & ~15
        at, self.allocated = self.allocated, self.allocated + size
        return at

    def DbgPrint(self, text, *values):
        line = self.text(text)
        values = [self.text(v) if kind == "s" else v & 0xffffffff for kind, v in zip(re.findall("%([su])", line), values)]
        self.printed.append(re.sub("%u", "%s", line) % tuple(values))
        return 0

    def text(self, at):
        return self.get(at, 200).split(b"\0")[0].decode()

    # Of DriverEntry.
    device, fails = POOL + 0x5000, None

    def MmGetSystemRoutineAddress(self, name):
        return LATER if self.string(name) == "ObDereferenceObjectDeferDelete" else 0

    def string(self, at):
        size, buffer = struct.unpack("<H", self.get(at, 2))[0], self.word(at + self.WORD)
        return self.get(buffer, size).decode("utf-16-le")

    def IoCreateDevice(self, driver, extension, name, kind, characteristics, exclusive, to):
        self.created = (driver, self.string(name), characteristics & 0xffffffff)
        self.word(to, self.device)
        self.put(self.device + (0x30 if self.WORD == 8 else 0x1c), struct.pack("<I", 0x80))  # DO_DEVICE_INITIALIZING
        return 0

    def RtlAddAccessAllowedAce(self, acl, revision, access, sid):
        revision, count = self.get(sid, 2)
        parts = struct.unpack(f"<{count}I", self.get(sid + 8, 4 * count))
        self.entries.append(("S-%d-%d-%s" % (revision, self.get(sid + 7, 1)[0], "-".join(map(str, parts))), access & 0xffffffff))
        return 0

    def RtlSetDaclSecurityDescriptor(self, descriptor, present, acl, defaulted):
        self.dacl = (descriptor, present & 0xff, acl)
        return 0

    def ZwSetSecurityObject(self, handle, information, descriptor):
        self.secured = (information & 0xffffffff, descriptor)
        return 0xc0000001 if self.fails == "ZwSetSecurityObject" else 0

    def run(self, entry, *arguments):
        self.last, self.calls = None, []
        self.start(self.symbols[entry], arguments)
        self.before = self.preserved()
        self.uc.emu_start(self.symbols[entry], 0, timeout=10 * 1000000, count=100000)
        assert self.last, f"it did not end: {self.calls}"


class X64(Machine):
    ENGINE = (unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
    WORD, SHARED_DATA = 8, 0xfffff78000000000
    SAVED = [x86.UC_X86_REG_RBX, x86.UC_X86_REG_RBP, x86.UC_X86_REG_RSI, x86.UC_X86_REG_RDI, x86.UC_X86_REG_R12,
             x86.UC_X86_REG_R13, x86.UC_X86_REG_R14, x86.UC_X86_REG_R15]
    FIRST = [x86.UC_X86_REG_RCX, x86.UC_X86_REG_RDX, x86.UC_X86_REG_R8, x86.UC_X86_REG_R9]
    ENTRIES = {n: n for n in ("ntstack_apc_stub", "ntstack_rundown_stub", "ntstack_cancel_stub", "ntstack_control_stub", "DriverEntry")}

    def prepare(self):
        pass

    def start(self, entry, arguments):
        self.entry_sp = STACK + 0x8000 - 8
        self.uc.reg_write(x86.UC_X86_REG_RSP, self.entry_sp)
        self.word(self.entry_sp, RETURN)
        for register, value in zip(self.FIRST, arguments):
            self.uc.reg_write(register, value)
        for i, register in enumerate(self.SAVED):
            self.uc.reg_write(register, 0x1111111111111111 * (i + 1))

    def sp(self):
        return self.uc.reg_read(x86.UC_X86_REG_RSP)

    def return_address(self):
        return self.word(self.sp())

    def sp_after_return(self, name):
        return self.sp() + 8

    def expected_sp(self, count):
        return self.entry_sp + 8

    def arguments(self, count):
        registers = [self.uc.reg_read(r) for r in self.FIRST[:count]]
        return registers + [self.word(self.sp() + 0x28 + 8 * i) for i in range(count - len(registers))]

    def preserved(self):
        return [self.uc.reg_read(r) for r in self.SAVED]

    def leave(self, name, value):
        self.uc.reg_write(x86.UC_X86_REG_RAX, value & 0xffffffffffffffff)
        to = self.return_address()
        self.uc.reg_write(x86.UC_X86_REG_RSP, self.sp() + 8)
        self.uc.reg_write(x86.UC_X86_REG_RIP, to)

    def result(self):
        return self.uc.reg_read(x86.UC_X86_REG_EAX)


class Arm64(Machine):
    ENGINE = (unicorn.UC_ARCH_ARM64, unicorn.UC_MODE_ARM)
    WORD, SHARED_DATA = 8, 0xfffff78000000000
    SAVED = [getattr(a64, f"UC_ARM64_REG_X{i}") for i in range(19, 29)] + [a64.UC_ARM64_REG_X29]
    FIRST = [getattr(a64, f"UC_ARM64_REG_X{i}") for i in range(8)]
    ENTRIES = X64.ENTRIES

    def prepare(self):
        self.uc.reg_write(a64.UC_ARM64_REG_X18, PCR)
        self.put(PCR + 0x38, b"\1")  # APC_LEVEL

    def start(self, entry, arguments):
        self.entry_sp = STACK + 0x8000
        self.uc.reg_write(a64.UC_ARM64_REG_SP, self.entry_sp)
        self.uc.reg_write(a64.UC_ARM64_REG_X30, RETURN)
        for register, value in zip(self.FIRST, arguments):
            self.uc.reg_write(register, value)
        for i, register in enumerate(self.SAVED):
            self.uc.reg_write(register, 0x1010101010101010 * (i + 1))

    def sp(self):
        return self.uc.reg_read(a64.UC_ARM64_REG_SP)

    def return_address(self):
        return self.uc.reg_read(a64.UC_ARM64_REG_X30)

    def sp_after_return(self, name):
        return self.sp()

    def expected_sp(self, count):
        return self.entry_sp

    def arguments(self, count):
        return [self.uc.reg_read(r) for r in self.FIRST[:count]]

    def preserved(self):
        return [self.uc.reg_read(r) for r in self.SAVED]

    def leave(self, name, value):
        self.uc.reg_write(self.FIRST[0], value & 0xffffffffffffffff)
        self.uc.reg_write(a64.UC_ARM64_REG_PC, self.return_address())

    def result(self):
        return self.uc.reg_read(self.FIRST[0]) & 0xffffffff


class X86(Machine):
    ENGINE = (unicorn.UC_ARCH_X86, unicorn.UC_MODE_32)
    WORD, SHARED_DATA = 4, 0xffdf0000
    SAVED = [x86.UC_X86_REG_EBX, x86.UC_X86_REG_EBP, x86.UC_X86_REG_ESI, x86.UC_X86_REG_EDI]
    ENTRIES = {"ntstack_apc_stub": "_ntstack_apc_stub", "ntstack_rundown_stub": "_ntstack_rundown_stub",
               "ntstack_cancel_stub": "_ntstack_cancel_stub@8", "ntstack_control_stub": "_ntstack_control_stub@8",
               "DriverEntry": "_DriverEntry@8"}

    def prepare(self):
        pass

    def start(self, entry, arguments):
        self.entry_sp = STACK + 0x8000
        self.uc.reg_write(x86.UC_X86_REG_ESP, self.entry_sp)
        for i, value in enumerate((RETURN, *arguments)):
            self.word(self.entry_sp + 4 * i, value)
        for i, register in enumerate(self.SAVED):
            self.uc.reg_write(register, 0x11111111 * (i + 1))

    def sp(self):
        return self.uc.reg_read(x86.UC_X86_REG_ESP)

    def return_address(self):
        return self.word(self.sp())

    def on_stack(self, name):
        kind, size = IMPORTS[name]
        return 0 if kind == "c" else max(0, size - 8) if kind == "f" else size

    def sp_after_return(self, name):
        return self.sp() + 4 + self.on_stack(name)

    def expected_sp(self, count):  # stdcall: the stub takes its arguments
        return self.entry_sp + 4 + 4 * count

    def arguments(self, count):
        name = self.traps.get(self.uc.reg_read(x86.UC_X86_REG_EIP))
        registers = [self.uc.reg_read(x86.UC_X86_REG_ECX), self.uc.reg_read(x86.UC_X86_REG_EDX)] if name and IMPORTS[name][0] == "f" else []
        stack = [self.word(self.sp() + 4 + 4 * i) for i in range(max(0, count - len(registers)))]
        return (registers + stack)[:count]

    def preserved(self):
        return [self.uc.reg_read(r) for r in self.SAVED]

    def leave(self, name, value):
        self.uc.reg_write(x86.UC_X86_REG_EAX, value & 0xffffffff)
        to = self.return_address()
        self.uc.reg_write(x86.UC_X86_REG_ESP, self.sp_after_return(name))
        self.uc.reg_write(x86.UC_X86_REG_EIP, to)

    def result(self):
        return self.uc.reg_read(x86.UC_X86_REG_EAX)


class Request:
    """driver/core/request.h's block, laid out by its declaration."""
    QUEUED, ABANDONED, TAKEN = 0, 1, 2
    FRAMES_TO_SKIP, FRAMES, STACK_BYTES = 1, 2, 0x40

    def __init__(self, machine, state, stack_bytes=STACK_BYTES):
        word = machine.WORD
        self.machine, self.at = machine, POOL
        self.event, self.state, self.status = POOL + 0x60, POOL + 0x80, POOL + 0x84
        wanted = POOL + 0x88 + word
        snapshot = (wanted + 12 + 7) & ~7
        self.time, self.limits, self.registers, self.flags = snapshot, snapshot + 8, snapshot + 0x18, snapshot + 0x80
        self.frames, self.stack = POOL + 0x1000, POOL + 0x2000
        machine.put(POOL, bytes(0x3000))
        machine.put(self.state, struct.pack("<I", state))
        machine.word(POOL + 0x88, THREAD)
        machine.put(wanted, struct.pack("<3I", self.FRAMES_TO_SKIP, self.FRAMES, stack_bytes))
        self.older = snapshot + 0x90  # a count, then records of 32 bytes
        machine.word(snapshot + 0x118, self.frames)
        machine.word(snapshot + 0x118 + word, self.stack)


class Entries:
    def setUp(self):
        self.machine = self.MACHINE(self.FOLDER_NAME)

    def run_entry(self, name, *arguments):
        self.machine.run(self.machine.ENTRIES[name], *arguments)
        self.count = len(arguments)

    def left_by(self, name, *arguments):
        machine = self.machine
        self.assertEqual(machine.last[0], name)
        if name:
            self.assertEqual([a & 0xffffffffffffffff for a in machine.last[1][:len(arguments)]], list(arguments))
        self.assertEqual(machine.last[2], machine.expected_sp(self.count), "the stack is not as the kernel expects it")
        self.assertEqual(machine.last[3], machine.before, "a register that a call preserves")

    def test_an_apc_fills_its_request_and_leaves_by_signalling(self):
        machine = self.machine
        request = Request(machine, Request.QUEUED)
        self.run_entry("ntstack_apc_stub", request.at, 1, 2, 3, 4)
        self.left_by("KeSetEvent", request.event, 0, 0)
        print(f"driver: an APC runs {machine.steps} instructions of the image on {self.FOLDER_NAME}: checked")
        self.assertEqual(machine.u32(request.state), Request.TAKEN)
        self.assertEqual(machine.u32(request.status), 0)
        ip, sp, *saved = machine.u64s(request.registers, 13)
        self.assertEqual((ip, sp), (RETURN, machine.expected_sp(5)))
        self.assertEqual(saved, machine.before + [0] * (11 - len(machine.before)))
        self.assertEqual(machine.u64s(request.time, 1), [TIME])
        self.assertEqual(machine.u64s(request.limits, 2), [STACK, STACK + STACK_SIZE])
        flags, hashed, frames, size = struct.unpack("<4I", machine.get(request.flags, 16))
        self.assertEqual((flags, frames, size), (1, 2, 0x40))  # the stack is cut
        # Two frames of the driver and one that is skipped are left out.
        self.assertEqual(machine.u64s(request.frames, 2), FRAMES[1:])
        self.assertEqual(hashed, sum(FRAMES[1:]) & 0xffffffff)
        self.assertEqual(machine.get(request.stack, 0x40), machine.get(sp, 0x40))
        self.assertLessEqual({name for name, _ in machine.calls},
                             {"IoGetStackLimits", "RtlCaptureStackBackTrace", "memcpy", "KeGetCurrentIrql"})

    def test_the_stack_that_this_one_was_entered_from_comes_too(self):
        machine = self.machine
        base, older, older_size = STACK + STACK_SIZE, OLDER_STACK, 0x6000
        sp = older + older_size - 0x500
        control = base - (0x50 if machine.WORD == 8 else 0x20)
        for i, value in enumerate((base, STACK + 1)):
            machine.word(control + i * machine.WORD, value)
        for i, value in enumerate((older + older_size, older, sp, older + older_size - 0x50)):
            machine.word(control + 0x10 + i * machine.WORD, value)
        machine.put(sp, bytes(i * 5 % 251 for i in range(0x500)))
        request = Request(machine, Request.QUEUED, 0xa000)
        self.run_entry("ntstack_apc_stub", request.at, 1, 2, 3, 4)
        size = base - machine.expected_sp(5)
        self.assertEqual(struct.unpack("<4I", machine.get(request.flags, 16))[3], size)
        self.assertEqual(machine.u32(request.older), 1)
        self.assertEqual(machine.u64s(request.older + 8, 3), [older, older + older_size, sp])
        self.assertEqual(machine.u32(request.older + 32), 0x500)
        self.assertEqual(machine.get(request.stack + size, 0x500), machine.get(sp, 0x500))

    def test_an_abandoned_one_frees_itself_and_leaves_by_releasing_the_driver(self):
        machine = self.machine
        machine.state(7, LATER)
        request = Request(machine, Request.ABANDONED)
        self.run_entry("ntstack_apc_stub", request.at, 1, 2, 3, 4)
        self.left_by("ObDereferenceObjectDeferDelete", DRIVER)
        self.assertEqual([(n, a[0]) for n, a in machine.calls], [("ExFreePoolWithTag", request.at), ("ObfDereferenceObject", THREAD)])

    def test_where_the_kernel_can_not_release_it_later_the_image_stays(self):
        request = Request(self.machine, Request.ABANDONED)
        self.run_entry("ntstack_apc_stub", request.at, 1, 2, 3, 4)
        self.left_by(None)
        self.assertEqual([n for n, _ in self.machine.calls], ["ExFreePoolWithTag", "ObfDereferenceObject"])

    def test_a_rundown_signals_too(self):
        request = Request(self.machine, Request.QUEUED)
        self.run_entry("ntstack_rundown_stub", request.at)
        self.left_by("KeSetEvent", request.event, 0, 0)
        self.assertEqual(self.machine.u32(request.state), Request.TAKEN)
        self.assertEqual(self.machine.u32(request.status), 0xc000004b)

    def test_a_rundown_of_an_abandoned_one_frees_it(self):
        self.machine.state(7, LATER)
        request = Request(self.machine, Request.ABANDONED)
        self.run_entry("ntstack_rundown_stub", request.at)
        self.left_by("ObDereferenceObjectDeferDelete", DRIVER)

    def test_the_cancel_routine_leaves_by_the_lock(self):
        machine = self.machine
        irp, event = POOL + 0x100, POOL + 0x800
        machine.put(irp + (0x45 if machine.WORD == 8 else 0x25), b"\2")  # CancelIrql
        machine.word(irp + (0x78 if machine.WORD == 8 else 0x40), event)  # DriverContext[0]
        self.run_entry("ntstack_cancel_stub", 0x5550, irp)
        self.left_by("IoReleaseCancelSpinLock", 2)
        self.assertEqual(machine.calls[0][0], "KeSetEvent")
        self.assertEqual(machine.calls[0][1][0], event)

    def test_the_dispatch_routine_completes_a_query(self):
        machine = self.machine
        is_64 = machine.WORD == 8
        irp, location, buffer = POOL + 0x100, POOL + 0x400, POOL + 0x800
        machine.word(irp + (0x18 if is_64 else 0xc), buffer)
        machine.put(irp + (0x40 if is_64 else 0x20), b"\1")  # UserMode
        machine.word(irp + (0xb8 if is_64 else 0x60), location)
        parameters = location + (8 if is_64 else 4)
        for i, value in enumerate((0x100, 0, 0x8e54 << 16 | 3 << 14 | 0x800 << 2)):
            machine.word(parameters + i * machine.WORD, value)
        self.run_entry("ntstack_control_stub", 0x5550, irp)
        self.left_by(None)
        self.assertEqual(machine.result(), 0)
        size, version, architecture = struct.unpack("<3I", machine.get(buffer, 12))
        self.assertEqual((size, version, architecture), (24, 1, self.ARCHITECTURE))
        status = irp + (0x30 if is_64 else 0x18)
        self.assertEqual((machine.u32(status), machine.word(status + machine.WORD)), (0, 24))
        self.assertEqual(machine.calls[-1][0], "IofCompleteRequest")

    def test_a_request_without_the_privilege_is_completed_with_a_refusal(self):
        machine = self.machine
        machine.has_privilege = 0
        irp, location = POOL + 0x100, POOL + 0x400
        is_64 = machine.WORD == 8
        machine.put(irp + (0x40 if is_64 else 0x20), b"\1")  # UserMode
        machine.word(irp + (0xb8 if is_64 else 0x60), location)
        self.run_entry("ntstack_control_stub", 0x5550, irp)
        self.assertEqual(machine.result(), 0xc0000061)
        name, arguments = machine.calls[0]
        self.assertEqual((name, arguments[0] & 0xffffffff), ("SeSinglePrivilegeCheck", 20))
        self.assertEqual([n for n, _ in machine.calls[1:]], ["IofCompleteRequest"])

    def enter_driver(self):
        machine = self.machine
        machine.entries = []
        machine.allocated = POOL + 0x7000
        driver, service, path = POOL + 0x4000, POOL + 0x6000, "\\Registry\\Machine\\ntstack".encode("utf-16-le")
        machine.put(service, struct.pack("<HH", len(path), len(path)))
        machine.word(service + machine.WORD, service + 0x40)
        machine.put(service + 0x40, path)
        self.run_entry("DriverEntry", driver, service)
        self.left_by(None)
        return driver, [n for n, _ in machine.calls]

    def test_the_device_is_secured_before_anybody_can_open_it(self):
        machine = self.machine
        driver, calls = self.enter_driver()
        self.assertEqual(machine.result(), 0)
        self.assertEqual(machine.created, (driver, r"\Device\ntstack", 0x100))  # FILE_DEVICE_SECURE_OPEN
        self.assertEqual(machine.entries, [("S-1-5-18", 0x1f01ff), ("S-1-5-32-544", 0x1f01ff)])
        self.assertEqual(machine.secured, (4, machine.dacl[0]))
        self.assertEqual(machine.dacl[1], 1)
        self.assertLess(calls.index("ZwSetSecurityObject"), calls.index("IoCreateSymbolicLink"))
        self.assertEqual(machine.u32(machine.device + (0x30 if machine.WORD == 8 else 0x1c)), 0)
        functions = driver + (0x70 if machine.WORD == 8 else 0x38)
        control = machine.word(functions + 14 * machine.WORD)
        self.assertEqual(control, machine.symbols[machine.ENTRIES["ntstack_control_stub"]])
        self.assertTrue(all(machine.word(functions + i * machine.WORD) for i in (0, 2, 18)))
        self.assertTrue(machine.word(functions - machine.WORD))  # DriverUnload

    def test_it_tries_itself_out_where_that_is_asked_for(self):
        machine = self.machine
        machine.parameters, machine.printed = {"SelfTest": 2}, []
        self.enter_driver()
        self.assertEqual(machine.result(), 0)
        self.assertEqual(machine.printed[0], "ntstack: PASS own thread\n")
        self.assertTrue(all(line.startswith("ntstack: SKIP ") for line in machine.printed[1:-1]))
        self.assertEqual(machine.printed[-1], "ntstack: self-test: 1 passed, 0 failed, 2 skipped\n")

    def test_a_device_that_can_not_be_secured_is_taken_away(self):
        self.machine.fails = "ZwSetSecurityObject"
        _, calls = self.enter_driver()
        self.assertEqual(self.machine.result(), 0xc0000001)
        self.assertIn("IoDeleteDevice", calls)
        self.assertNotIn("IoCreateSymbolicLink", calls)


class EntriesX64(Entries, unittest.TestCase):
    MACHINE, FOLDER_NAME, ARCHITECTURE = X64, "x64", 0x8664


class EntriesArm64(Entries, unittest.TestCase):
    MACHINE, FOLDER_NAME, ARCHITECTURE = Arm64, "arm64", 0xaa64


class EntriesX86(Entries, unittest.TestCase):
    MACHINE, FOLDER_NAME, ARCHITECTURE = X86, "x86", 0x14c


unittest.main(verbosity=1)
