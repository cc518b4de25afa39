#!/usr/bin/env python3
"""Defects put back into the core, one at a time: each must make the orders or the unit tests fail. A test that no defect fails
proves nothing.

    defects.py COMPILER SOURCE BUILD     SOURCE: the project; BUILD: a folder for what is compiled"""
import pathlib
import shutil
import subprocess
import sys

COMPILER, SOURCE, BUILD = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3]).resolve()
FLAGS = ["-std=c++23", "-O1", "-g", "-fsanitize=address"]

# Number in the list of the first driver's defects (docs/driver.md), where it is one; file; what stands there; the defect.
DEFECTS = [
    ("1, 2: every thread is taken for the caller", "capture.cc", "slot.is_caller = thread == kernel::current_thread();",
     "slot.is_caller = true;"),
    ("3: memory is not checked (a request)", "capture.cc", "if (slot.request) return;", "return;"),
    ("3: memory is not checked (the call)", "capture.cc", "if (!call) return {kInsufficientResources, 0};", ""),
    ("3: the number of frames is not bounded", "capture.cc", "in.frames_to_capture > kMostFrames", "false"),
    ("3: sizes may be more than there is memory", "capture.cc", "> kMostBytes) return kInvalidParameter;", "> kMostBytes) {}"),
    ("4: the wait has no end", "capture.cc", "kernel::interrupt_time() + call.ticks", "~std::uint64_t{0}"),
    ("4: the block goes with its waiter", "request.cc",
     "  if (kernel::compare_exchange(request.state, Request::queued, Request::abandoned) ==\n      Request::queued)\n    return false;",
     "  if (request.state == Request::queued) {\n    request.status = kTimeout;\n    return true;\n  }"),
    ("6: no rundown routine", "request.cc", "kernel::Rundown::ours", "kernel::Rundown::none"),
    ("11: a time-out counts as success", "capture.cc", "    slot.status = why;", "    slot.status = kSuccess;"),
    ("12: no reference on the thread", "capture.cc", "  slot.request = make_request(thread, wanted);",
     "  kernel::dereference_thread(thread);\n  slot.request = make_request(thread, wanted);"),
    ("12: a thread that ends is waited for", "capture.cc", "  if (slot.is_queued) return;", "  slot.is_queued = true;\n  return;"),
    ("13: anyone may ask", "dispatch.cc", "if (!kernel::may_debug(irp)) return {kPrivilegeNotHeld, 0};", ""),
    ("13: anyone may open", "dispatch.cc", "kernel::may_debug(irp) ? kSuccess : kPrivilegeNotHeld", "(static_cast<void>(irp), kSuccess)"),
    ("14: the driver is unloaded with its APC queued", "request.cc", "  kernel::hold_driver();\n", "",
     "void finish(Request&) { kernel::release_driver(); }", "void finish(Request&) {}",
     "kernel::can_release_later() ? Farewell::Act::release_driver : Farewell::Act::none", "Farewell::Act::none",
     "  kernel::release_driver();\n  return false;", "  return false;"),
    ("15: the driver's own frames are the caller's affair", "snapshot.cc",
     "while (own < count && kernel::is_in_driver(frames[own])) ++own;", "static_cast<void>(frames), static_cast<void>(count);"),
    ("17: an attached thread gets no APC", "request.cc", "kernel::Environment::insert", "kernel::Environment::original"),
    ("18: the APC signals, then returns", "request.cc",
     "  take_snapshot(request.snapshot, request.wanted, caller);\n  return {Farewell::Act::signal, &request.done};",
     "  take_snapshot(request.snapshot, request.wanted, caller);\n  kernel::set(request.done);\n  kernel::interlude();\n  return {};"),
    ("20: a walk on a stack that is nearly full", "snapshot.cc", "kernel::stack_left() < kWalkNeeds", "false"),
    # Not the first driver's.
    ("the APC does not look whether it is still wanted", "request.cc",
     "  if (!take(request)) return drop(request);\n  take_snapshot", "  take(request);\n  take_snapshot"),
    ("an abandoned block is not freed", "request.cc", "  kernel::release(&request);\n", ""),
    ("the driver reference goes from inside of the image", "request.cc",
     "  return {kernel::can_release_later() ? Farewell::Act::release_driver : Farewell::Act::none};",
     "  kernel::release_driver();\n  return {};"),
    ("the rundown routine does not signal", "request.cc",
     "  request.status = kThreadIsTerminating;\n  return {Farewell::Act::signal, &request.done};",
     "  request.status = kThreadIsTerminating;\n  return {};"),
    ("a block is freed while its APC runs", "request.cc",
     "  kernel::wait(request.done);  // the APC runs at this moment, or has run\n", ""),
    ("the cancel routine's lock is not waited for", "cancellation.cc",
     "  kernel::pass_cancel_lock();\n", ""),
    ("an IRP that was cancelled before", "cancellation.cc",
     "  if (kernel::is_cancelled(irp) && kernel::set_cancel_routine(irp, false)) kernel::set(asked);\n", ""),
    ("the cancel routine returns after its lock", "cancellation.cc", "  return {Farewell::Act::unlock_cancelling, &irp};",
     "  kernel::unlock_cancelling();\n  kernel::interlude();\n  return {};"),
    ("the references of the call are not given back", "request.cc", "void finish(Request&) { kernel::release_driver(); }",
     "void finish(Request&) {}"),
    ("what is above the page is read at DISPATCH_LEVEL", "snapshot.cc", "if (!kernel::at_dispatch_level()) return limits.high;",
     "return limits.high;"),
    ("abandoned requests without end", "capture.cc", "abandoned_count() >= kMostAbandoned", "false"),
    ("any word at the base is taken for the kernel's record", "snapshot.cc", "word_at(at) != of.high || ", ""),
    ("older stacks take no room", "snapshot.cc", "    used += std::uint32_t{sizeof(OlderStack)};\n", ""),
    ("crashes without the switch", "dispatch.cc", "  if (!kernel::may_crash()) return {kAccessDenied, 0};\n", ""),
]


def compiled(sources, to, more=()):
    subprocess.run([COMPILER, *FLAGS, *more, f"-I{SOURCE}", "-c", *map(str, sources)], check=True, cwd=to)


def build_tests(folder):
    """The core, the test's kernel and the tests, which the defects share."""
    folder.mkdir(parents=True)
    tests = [SOURCE / "driver/tests" / f"{name}.cc" for name in ("fibers", "small_kernel", "core_test", "schedules")]
    compiled([*(SOURCE / "driver/core").glob("*.cc"), *tests], folder)


def with_defect(name, file, changes, to):
    """The object of `file` with the defect in it."""
    text = (SOURCE / "driver/core" / file).read_text()
    for old, new in zip(changes[::2], changes[1::2]):
        if text.count(old) != 1:
            sys.exit(f"{name}: what it changes stands {text.count(old)} times in {file}: {old}")
        text = text.replace(old, new)
    (to / file).write_text(text)
    compiled([to / file], to, ["-include", str(SOURCE / "driver/tests/small_kernel.h")])  # for interlude()
    return to / pathlib.Path(file).with_suffix(".o")


def finds(name, file, *changes):
    folder = BUILD / "defect"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    objects = [with_defect(name, file, changes, folder)]
    objects += [SHARED / path.with_suffix(".o").name for path in (SOURCE / "driver/core").glob("*.cc") if path.name != file]
    objects += [SHARED / "fibers.o", SHARED / "small_kernel.o"]
    for test, arguments, libraries in (("core_test", [], ["-lgtest_main", "-lgtest"]), ("schedules", ["4000"], [])):
        program = folder / test
        subprocess.run([COMPILER, *FLAGS, *map(str, objects), str(SHARED / f"{test}.o"), *libraries, "-lpthread", "-o",
                        str(program)], check=True)
        ran = subprocess.run([str(program), *arguments], capture_output=True, text=True, timeout=300)
        if ran.returncode != 0:
            lines = [l for l in (ran.stdout + ran.stderr).splitlines()
                     if "choices:" in l or "Failure" in l or "ERROR: AddressSanitizer" in l]
            print(f"found   {name}\n          {test}: {lines[0] if lines else 'it crashed'}", flush=True)
            return True
    print(f"MISSED  {name}", flush=True)
    return False


shutil.rmtree(BUILD, ignore_errors=True)
SHARED = BUILD / "shared"
build_tests(SHARED)
missed = [d[0] for d in DEFECTS if not finds(*d)]
print(f"{len(DEFECTS) - len(missed)} of {len(DEFECTS)} defects make a test fail")
sys.exit(1 if missed else 0)
