// At every instruction of the world's modules the unwinder finds the stack that the processor
// knows.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>

#include "test_files.h"
#include "world/instruction_truth.h"
#include "world/kernel_world.h"

namespace ntstack::world {
namespace {

constexpr char good_path[] = "\\Device\\Mup\\fileserver\\www\\web.config";
constexpr std::uint64_t user_rip = 0x77a62a2a;
constexpr std::uint64_t large_stack = 0xfffff88020000000, large_stack_size = 0x200000;
constexpr std::uint64_t dpc_stack = 0xfffff80000ba3000;
constexpr std::uint64_t expansion_base = 0xfffff88012d70000, expansion_size = 0x12000;

std::filesystem::path modules() { return tests::binary_dir() / "tests" / "world" / "modules"; }

class EveryInstruction : public testing::Test {
 protected:
  EveryInstruction() {
    fresh_world();
    map_ = std::make_unique<ImageMap>(modules(), world_->images());
    truth_ = std::make_unique<InstructionTruth>(*map_);
    exempt_stubs();
    truth_->watch(machine());
  }

  Machine& machine() { return world_->machine(); }
  std::uint64_t nt(const std::string& name) const { return world_->nt(name); }

  // A kernel that has not run yet, with a process, a thread and the shapes. What was checked stays.
  void fresh_world() {
    const std::string more[] = {"shapes.sys", "shapes_v2.sys"};
    world_ = std::make_unique<KernelWorld>(modules(), windows_10_19041, more);
    world_->add_processor(0xfffff80002fe0000, dpc_stack, 0xfffff80000bac000);
    thread_ = world_->create_thread(world_->create_process("w3wp.exe", 0x1a2c), "thread", 0x2204,
                                    0xfffff8801adba000);
    machine().map(large_stack - large_stack_size, large_stack_size);
    machine().map(expansion_base - expansion_size, expansion_size);
    machine().put(nt("KiWorld"), expansion_base);
    machine().put(nt("KiWorld") + 8, expansion_base - expansion_size);
    machine().before_instruction = [this](std::uint64_t address) {
      truth_->check(address);
      return stops_.contains(address) || (stop_ && stop_(address));
    };
    if (truth_) truth_->watch(machine());
  }

  // Where no unwind data can be right, in Windows' entries as in these.
  void exempt_stubs() {
    const char* entering = "the machine frame is not complete yet";
    const char* leaving =
        "RBP is the caller's again and the frame no epilogue: Windows' exits are not described "
        "either";
    const std::uint64_t entry = nt("KiSystemCall64");
    truth_->not_asked.push_back(
        {entry, find_bytes(entry, entry + 0x40, {0x6a, 0x33, 0x51}), entering});
    for (const char* name :
         {"KiSystemServiceExit", "KiPageFault", "KiInterruptDispatch", "KiDpcInterrupt"}) {
      const std::uint64_t begin = nt(name);
      truth_->not_asked.push_back(
          {after_pop_rbp(begin, begin + 0x100), after_iretq(begin, begin + 0x100), leaving});
    }
    for (const char* name : {"KySwitchKernelStackCallout", "KxRetireDpcList"}) {
      const std::uint64_t after = after_iretq(nt(name), nt(name) + 0x40);
      truth_->not_asked.push_back(
          {after - 2, after, "an IRETQ behind a released frame is no epilogue"});
    }
    truth_->loose_entries = {entry};
  }

  std::uint64_t find_bytes(std::uint64_t begin, std::uint64_t end,
                           std::vector<std::uint8_t> bytes) const {
    const auto code = world_->machine().read(begin, end - begin);
    const auto found = std::ranges::search(code, bytes);
    if (found.empty()) throw std::runtime_error("no such instruction");
    return begin + static_cast<std::uint64_t>(found.begin() - code.begin()) + bytes.size();
  }
  std::uint64_t after_pop_rbp(std::uint64_t begin, std::uint64_t end) const {
    return find_bytes(begin, end, {0x5d, 0x48, 0x83, 0xc4, 0x08}) - 4;
  }
  std::uint64_t after_iretq(std::uint64_t begin, std::uint64_t end) const {
    return find_bytes(begin, end, {0x48, 0xcf});
  }

  // Calls a function as the kernel would, on `stack`; true where it came back.
  bool call(std::uint64_t function, std::vector<std::uint64_t> arguments = {},
            std::uint64_t stack = large_stack) {
    machine().shadow.clear();
    machine().put(world_->prcb(0) + windows_10_19041.prcb.current_thread, thread_.ethread);
    machine().reset_cpu();
    machine().set_gs(world_->pcr(0), 0);
    Cpu cpu;
    for (unsigned i = 0; i < 16; i++) cpu.gpr[i] = 0x1010101010101010ull * i;
    cpu.gpr[4] = stack - 0x2000;
    machine().set_cpu(cpu);
    machine().call(function, arguments);
    while (!machine().shadow.empty() && after_stop_ && after_stop_(machine().cpu().rip))
      machine().resume();
    return machine().shadow.empty();
  }
  // Of an image's function, on the thread's own stack.
  std::uint64_t kernel_call(const char* image, const char* name,
                            std::vector<std::uint64_t> arguments = {}) {
    EXPECT_TRUE(call(world_->symbol(image, name), std::move(arguments), thread_.stack_base))
        << name;
    return machine().cpu().gpr[0] & 0xffffffff;
  }

  // A file named `path` is asked for or opened; the status.
  std::uint64_t open(const std::string& path, std::uint32_t service = service_query_full_attributes,
                     std::uint64_t options = 0, bool has_handle = true) {
    const std::uint64_t attributes = world_->user_object_attributes(thread_, path);
    const std::uint64_t here = thread_.user_stack;
    std::vector<std::uint64_t> arguments = {attributes, here + 0x80};
    if (service == service_create_file) {
      arguments = {has_handle ? here + 0x80 : 0, 0x120089, attributes, here + 0x90, 0, options};
    }
    EXPECT_TRUE(world_->system_call(thread_, {service, user_rip, arguments})) << path;
    return machine().cpu().gpr[0] & 0xffffffff;
  }

  // Prints what was checked and what not, and why; fails for what has no reason.
  void report(const LoadedImage& subject, const std::vector<Exemption>& unreachable = {}) {
    const auto all = instructions_of(subject);
    std::size_t missing = 0;
    for (const auto address : all) {
      if (truth_->checked.contains(address)) continue;
      missing++;
      const std::string where = name_of_address(world_->images(), address);
      const Exemption* exempt = find_exemption(truth_->not_asked, address);
      if (exempt == nullptr) exempt = find_exemption(unreachable, address);
      if (exempt != nullptr) {
        std::cout << "  " << where << ": " << exempt->reason << "\n";
      } else if (subject.pages[address - subject.base] == 0xcc) {
        std::cout << "  " << where << ": a trap behind a call that does not come back\n";
      } else if (is_nop(subject, address) && !truth_->reached.contains(address)) {
        std::cout << "  " << where
                  << ": padding, before a loop or behind a call that does not come back\n";
      } else {
        ADD_FAILURE() << where
                      << (truth_->reached.contains(address) ? " is not checked"
                                                            : " is never reached");
      }
    }
    std::cout << fmt::format("{}: {} instructions, {} checked\n", subject.file_name, all.size(),
                             all.size() - missing);
  }

  void expect_no_failures() {
    for (const auto& line : truth_->first_failures) ADD_FAILURE() << line;
    std::cout << fmt::format("{} walks, {} steps, {} failures\n", truth_->walks, truth_->steps,
                             truth_->failures);
  }

  // Calls each shape with numbers that lead through all of it.
  void run_shapes(const LoadedImage& shapes);
  void exempt_shapes(const LoadedImage& shapes);
  const LoadedImage& image(const std::string& name) const {
    return *std::ranges::find(world_->images(), name, &LoadedImage::file_name);
  }
  void interrupt_shapes(const LoadedImage& shapes);

  // The kernel's ways, a fresh world each.
  void run_kernel();
  void start_twice();
  void open_files();
  void open_contended();
  void fail_to_open();
  void wait_and_signal();
  void expand_stacks();
  void take_resources();
  void find_files();
  void enter_oddly();
  void run_dpcs();
  void fault_and_crash();
  void stand_at_thunks();

  std::unique_ptr<KernelWorld> world_;
  std::unique_ptr<ImageMap> map_;
  std::unique_ptr<InstructionTruth> truth_;
  Thread thread_;
  std::set<std::uint64_t> stops_;
  std::function<bool(std::uint64_t)> stop_;
  // What is done where a call stopped; true: it goes on.
  std::function<bool(std::uint64_t)> after_stop_;
};

void EveryInstruction::exempt_shapes(const LoadedImage& shapes) {
  const std::uint64_t undescribed = shapes.symbol("AsmUndescribed");
  const Exemption exempt = {
      undescribed, shapes.symbol("DriverEntry"),
      "it calls but is not described: its callers can't be told, and the step says so"};
  truth_->not_asked.push_back(exempt);
  truth_->not_described.push_back(exempt);
  stops_.insert(shapes.symbol("ShapeBugCheckHalt"));
}

void EveryInstruction::run_shapes(const LoadedImage& shapes) {
  for (const auto& [name, address] : shapes.symbols) {
    const std::uint64_t rva = address - shapes.base;
    if (rva < shapes.text_begin || rva >= shapes.text_end) continue;
    // What an exception would run: the parent's frame is anywhere, as long as it can be written.
    if (name.starts_with("?fin$") || name.starts_with("?dtor$")) {
      EXPECT_NO_THROW(call(address, {large_stack - 0x8000, large_stack - 0x8000})) << name;
    }
    if (name == "DriverEntry" || name == "__C_specific_handler") call(address);
    if (!name.starts_with("Shape") && !name.starts_with("Asm")) continue;
    if (name.starts_with("ShapeTriple") || name.starts_with("ShapeVariadic") ||
        name == "ShapeAsmCallee")
      continue;
    if (stops_.contains(address)) continue;
    for (const std::uint64_t a : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x1000}) {
      for (const std::uint64_t b : {0, 1, 2, 3, 300}) {
        EXPECT_NO_THROW(call(address, {a, b})) << name << " " << a << " " << b;
      }
    }
  }
}

void EveryInstruction::start_twice() {
  kernel_call("ntoskrnl.exe", "IoGetLastDevice");
  kernel_call("ntoskrnl.exe", "KiSystemStartup");
  world_->start_drivers();
  EXPECT_EQ(kernel_call("mrxsmb.sys", "DriverEntry"), 0xc000000d);  // registered already
  for (int i = 0; i < 14; i++) kernel_call("mup.sys", "DriverEntry");
  EXPECT_EQ(kernel_call("fltmgr.sys", "DriverEntry"), 0xc0000017);  // no more devices
}

// Files that nobody else has; the wait for the server is over at the first switch. Then once more,
// the control block being there, and with the capturing APC in the way.
void EveryInstruction::open_files() {
  world_->start_drivers();
  EXPECT_EQ(open(good_path), 0u);
  EXPECT_EQ(open(good_path, service_create_file), 0u);
  EXPECT_EQ(open(good_path, service_create_file, 1), 0u);  // around the filters
  world_->queue_capture(thread_);
  EXPECT_EQ(open(good_path, service_create_file), 0u);
  EXPECT_EQ(open("\\Device\\Mup\\f\\www\\web.config"), 0u);  // further control blocks
  EXPECT_EQ(open("\\Device\\Mup\\fi\\www\\web.config"), 0u);
  EXPECT_EQ(open("\\Device\\Mup\\fil\\www\\web.config"), 0u);
  EXPECT_EQ(open("\\Device\\Mup\\file\\www\\web.config"), 0u);
  EXPECT_EQ(open("\\Device\\Mup\\files\\www\\web.config"), 0u);
}

// A thread stays in its wait with the file's resource; another one waits for it, is told "timeout"
// once, and then has it.
void EveryInstruction::open_contended() {
  world_->start_drivers();
  stops_.insert(nt("SwapContext"));
  const Thread owner =
      world_->create_thread(world_->process(), "owner", 0x2210, 0xfffff8801adc2000);
  const std::uint64_t attributes = world_->user_object_attributes(owner, good_path);
  EXPECT_FALSE(world_->system_call(
      owner, {service_query_full_attributes, user_rip, {attributes, owner.user_stack + 0x80}}));
  stops_.erase(nt("SwapContext"));
  const std::uint64_t wait_status = thread_.ethread + 0xc8;
  machine().put(wait_status, std::uint32_t{0x102});
  unsigned switches = 0;
  stop_ = [&](std::uint64_t address) {
    if (address == nt("KiSwapThread") && ++switches == 2)
      machine().put(wait_status, std::uint32_t{0});
    return false;
  };
  machine().put(nt("KiWorld"), expansion_base);
  EXPECT_EQ(open(good_path), 0u);
  stop_ = nullptr;
}

void EveryInstruction::fail_to_open() {
  world_->start_drivers();
  const std::string prefix = "\\Device\\Mup";
  EXPECT_EQ(open("\\Device"), 0xc0000033);
  EXPECT_EQ(open(""), 0xc0000033);
  EXPECT_EQ(open("\\De"), 0xc0000033);
  EXPECT_EQ(open("\\Device\\Mop\\server\\share"), 0xc0000034);
  EXPECT_EQ(open(prefix), 0xc0000033);
  EXPECT_EQ(open(prefix + "\\"), 0xc0000033);
  EXPECT_EQ(open(prefix + "\\", service_create_file, 1), 0xc00000be);
  EXPECT_EQ(open(prefix + "xyz"), 0xc00000be);
  EXPECT_EQ(open(prefix + "\\ab"), 0xc00000be);
  EXPECT_EQ(open(prefix + "\\" + std::string(46, 'x'), service_create_file), 0xc0000033);
  EXPECT_EQ(open(prefix + std::string(90, 'x')), 0xc0000033);
  EXPECT_EQ(open(good_path, service_create_file, 0, false), 0xc000000d);
  const std::uint64_t attributes = world_->user_object_attributes(thread_, prefix);
  machine().put(attributes + 0x10, std::uint64_t{0});
  EXPECT_TRUE(
      world_->system_call(thread_, {service_query_full_attributes, user_rip, {attributes, 0}}));
}

void EveryInstruction::wait_and_signal() {
  const std::uint64_t event = world_->pool(0x18), objects = world_->pool(0x20),
                      irp = world_->pool(0x80), timeout = world_->pool(8);
  for (int i = 0; i < 4; i++) machine().put(objects + 8 * static_cast<std::uint64_t>(i), event);
  kernel_call("ntoskrnl.exe", "KeInitializeEvent", {event, 0, 0});
  const auto wait_for_many = [&](std::uint64_t count, std::uint64_t until) {
    return kernel_call("ntoskrnl.exe", "KeWaitForMultipleObjects",
                       {count, objects, 1, 0, 0, 0, until, 0});
  };
  EXPECT_EQ(wait_for_many(0, 0), 0xc000000d);
  EXPECT_EQ(wait_for_many(4, 0), 0xc000000d);
  EXPECT_EQ(wait_for_many(1, timeout), 0x102u);  // a timeout of nothing
  machine().put(nt("KiWorld") + 0x18, event);    // signalled when the thread is switched
  EXPECT_EQ(kernel_call("ntoskrnl.exe", "KeWaitForSingleObject", {event, 0, 0, 0, 0}), 0u);
  machine().put(event + 4, std::uint32_t{0});
  EXPECT_EQ(wait_for_many(1, 0), 0u);
  machine().put(event + 4, std::uint32_t{0});
  world_->queue_capture(thread_);
  stop_ = [&](std::uint64_t address) {  // signalled while the APC runs
    if (address == nt("RtlCaptureContext")) machine().put(event + 4, std::uint32_t{1});
    return false;
  };
  EXPECT_EQ(kernel_call("ntoskrnl.exe", "KeWaitForSingleObject", {event, 0, 0, 0, 0}), 0x100u);
  EXPECT_EQ(kernel_call("ntoskrnl.exe", "KeWaitForSingleObject", {event, 0, 0, 0, 0}), 0u);
  kernel_call("ntoskrnl.exe", "KeSetEvent", {event});
  machine().put(irp + 0x28, std::uint32_t{0xc0000120});
  for (const std::uint64_t request : {irp, std::uint64_t{0}}) {
    kernel_call("ntoskrnl.exe", "FsRtlCancellableWaitForMultipleObjects",
                {1, objects, 1, 0, 0, request});
  }
  // What the kernel asks of a thread's APC without a place for the answer; APCs of the user's list.
  const std::uint64_t request = world_->pool(0x10);
  EXPECT_EQ(kernel_call("ntoskrnl.exe", "DbgkpLkmdSnapThreadInContext", {thread_.ethread, request}),
            0xc000000d);
  machine().put(request, world_->pool(0x4d0));
  EXPECT_EQ(kernel_call("ntoskrnl.exe", "DbgkpLkmdSnapThreadInContext", {0, request}), 0xc000000d);
  kernel_call("ntoskrnl.exe", "KiDeliverApc", {1, 0, 0});
  // A server's answer that says "cancelled".
  const std::uint64_t exchange = world_->pool(0x60), context = world_->pool(0x60);
  machine().put(exchange, context);
  machine().put(context, irp);
  machine().put(irp + 0x28, std::uint32_t{0});
  machine().put(context + 0x34, std::uint32_t{1});
  kernel_call("mrxsmb.sys", "SmbCeSend", {exchange});
  EXPECT_EQ(kernel_call("mrxsmb.sys", "SmbCeWaitForCompletionAndFinalizeExchangeEx", {exchange}),
            0xc0000120);
}

void EveryInstruction::expand_stacks() {
  const std::uint64_t leaf = world_->symbol("shapes.sys", "AsmLeaf");
  const auto expand = [&](std::uint64_t size) {
    return kernel_call("ntoskrnl.exe", "KeExpandKernelStackAndCallout", {leaf, 1, size});
  };
  EXPECT_EQ(expand(0x20000), 0xc000000d);
  EXPECT_EQ(expand(0), 0u);
  EXPECT_EQ(expand(0x8000), 0u);
  machine().put(nt("KiWorld"), std::uint64_t{0});
  EXPECT_EQ(expand(0x8000), 0xc0000017);
}

void EveryInstruction::take_resources() {
  const std::uint64_t resource = world_->pool(0x80), context = world_->pool(0x60);
  const auto acquire = [&](std::uint64_t wait) {
    return kernel_call("ntoskrnl.exe", "ExAcquireResourceExclusiveLite", {resource, wait});
  };
  kernel_call("ntoskrnl.exe", "ExInitializeResourceLite", {resource});
  EXPECT_EQ(acquire(1), 1u);
  EXPECT_EQ(acquire(1), 1u);
  kernel_call("ntoskrnl.exe", "ExReleaseResourceLite", {resource});
  machine().put(resource + 0x30, std::uint64_t{0xfffffa8000001000});  // another thread's
  EXPECT_EQ(acquire(0), 0u);
  EXPECT_EQ(kernel_call("rdbss.sys", "_RxAcquireFcb", {resource, context, 0}), 0xc0000120);
  EXPECT_EQ(kernel_call("rdbss.sys", "_RxAcquireFcb", {resource, context, 2}), 0xc000000d);
  const std::uint64_t used = machine().get(nt("ExpPoolUsed"));
  machine().put(nt("ExpPoolUsed"), std::uint64_t{0x4000});
  EXPECT_EQ(acquire(1), 0u);
  const std::uint64_t name = world_->pool(0x10);
  EXPECT_EQ(kernel_call("rdbss.sys", "RxFindOrCreateFcb", {context, name}), 0xc0000017);
  machine().put(nt("ExpPoolUsed"), used);
  EXPECT_EQ(acquire(1), 1u);
  machine().put(resource + 0x30, std::uint64_t{0xfffffa8000001000});
  EXPECT_EQ(acquire(1), 1u);
  kernel_call("ntoskrnl.exe", "ExReleaseResourceLite", {resource});
}

// What the drivers refuse, and no create leads to.
void EveryInstruction::find_files() {
  world_->start_drivers();
  const std::uint64_t context = world_->pool(0x60), irp = world_->pool(0x80),
                      fcb = world_->pool(0x80), mup = world_->pool(0x20);
  EXPECT_EQ(kernel_call("rdbss.sys", "RxCollapseOrCreateSrvOpen", {context}), 0xc0000010);
  machine().put(context + 8, fcb);
  EXPECT_EQ(kernel_call("rdbss.sys", "RxCommonClose", {context, irp}), 0xc000000d);
  kernel_call("rdbss.sys", "RxCreateFcb", {4});
  EXPECT_EQ(kernel_call("rdbss.sys", "RxCommonClose", {context, irp}), 0xc000000d);
  kernel_call("rdbss.sys", "RxCreateFcb", {0});
  kernel_call("rdbss.sys", "RxCreateFcb", {8});
  EXPECT_EQ(kernel_call("rdbss.sys", "RxCommonClose", {context, irp}), 0xc000000d);
  machine().put(irp, std::uint32_t{7});
  EXPECT_EQ(kernel_call("rdbss.sys", "RxFsdDispatch", {0, irp}), 0xc0000010);
  EXPECT_EQ(kernel_call("mup.sys", "MupiCallUncProvider", {mup}), 0xc00000be);
}

void EveryInstruction::enter_oddly() {
  world_->start_drivers();
  const auto close = [&](std::uint64_t handle) {
    EXPECT_TRUE(world_->system_call(thread_, {service_close, user_rip, {handle}}));
    return machine().cpu().gpr[0] & 0xffffffff;
  };
  EXPECT_EQ(close(4), 0u);
  machine().put(nt("KiDynamicTraceMask"), std::uint32_t{1});
  EXPECT_EQ(close(0), 0xc000000d);
  EXPECT_TRUE(world_->system_call(thread_, {99, user_rip, {}}));
  EXPECT_EQ(kernel_call("ntoskrnl.exe", "MmAccessFault", {1, 0}), 0xc000000d);
  // An interrupt and a fault in the middle of the kernel.
  std::set<std::uint64_t> at = {nt("RtlHashUnicodeString"), nt("IofCallDriver")};
  stop_ = [&](std::uint64_t address) { return at.erase(address) != 0; };
  after_stop_ = [&](std::uint64_t address) {
    const bool fault = address == nt("IofCallDriver");
    machine().interrupt({.handler = nt(fault ? "KiPageFault" : "KiInterruptDispatch"),
                         .error_code = fault ? std::optional<std::uint64_t>(0) : std::nullopt});
    return true;
  };
  const std::uint64_t name = world_->pool(0x20), irp = world_->pool(0x80);
  kernel_call("ntoskrnl.exe", "RtlHashUnicodeString", {name});
  machine().put(name, std::uint16_t{2});
  machine().put(name + 8, name + 0x10);
  kernel_call("ntoskrnl.exe", "RtlHashUnicodeString", {name});
  machine().put(irp, std::uint32_t{1});
  kernel_call("ntoskrnl.exe", "IoGetLastDevice");
  kernel_call("fltmgr.sys", "FltpDispatch", {machine().cpu().gpr[0], irp});
}

// DPCs that end, from an interrupted thread and from the idle loop.
void EveryInstruction::run_dpcs() {
  world_->start_drivers();
  const std::uint64_t fcbs = world_->pool(0x100), dpcs = world_->pool(0x80);
  machine().put(fcbs + 0x70, fcbs + 0x80);
  for (const std::uint64_t dpc : {dpcs, dpcs + 0x40}) {
    machine().put(dpc + 0x18, world_->symbol("rdbss.sys", "RxTimerDpc"));
    machine().put(dpc + 0x20, fcbs);
  }
  machine().put(dpcs + 8, dpcs + 0x40);
  machine().put(nt("KiWorld") + 0x20, dpcs);
  std::set<std::uint64_t> at = {nt("IofCallDriver")};
  stop_ = [&](std::uint64_t address) { return at.erase(address) != 0; };
  after_stop_ = [&](std::uint64_t) {
    machine().interrupt({.handler = nt("KiDpcInterrupt")});
    return true;
  };
  const std::uint64_t irp = world_->pool(0x80);
  machine().put(irp, std::uint32_t{1});
  kernel_call("ntoskrnl.exe", "IoGetLastDevice");
  kernel_call("fltmgr.sys", "FltpDispatch", {machine().cpu().gpr[0], irp});
  EXPECT_TRUE(at.empty());

  // An idle processor is woken from its HLT, once to a DPC.
  const std::uint64_t halt =
      find_bytes(nt("HalProcessorIdle"), nt("HalProcessorIdle") + 0x20, {0xf4}) - 1;
  stops_ = {halt};
  unsigned halts = 0;
  after_stop_ = [&](std::uint64_t) {
    if (++halts == 2) machine().put(nt("KiWorld") + 0x20, dpcs);
    Cpu cpu = machine().cpu();
    cpu.rip++;
    machine().set_cpu(cpu);
    truth_->reached.insert(halt);
    return halts < 4;
  };
  EXPECT_FALSE(call(nt("KiIdleLoop")));
}

// Faults: one of user mode's, and one in a DPC, which is a bugcheck.
void EveryInstruction::fault_and_crash() {
  world_->make_current(thread_);
  machine().set_gs(thread_.teb, world_->pcr(0));
  machine().shadow.clear();
  Cpu cpu;
  cpu.gpr[4] = thread_.user_stack;
  cpu.rip = user_rip;
  machine().set_cpu(cpu);
  machine().interrupt(
      {.handler = nt("KiPageFault"), .error_code = 4, .kernel_stack = thread_.stack_base - 0x250});
  machine().run(user_rip);
  EXPECT_TRUE(machine().shadow.empty());

  machine().put<std::uint8_t>(world_->prcb(0) + windows_10_19041.prcb.dpc_routine_active, 1);
  stops_ = {find_bytes(nt("KeBugCheckEx"), nt("KeBugCheckEx") + 0x60, {0xf4}) - 1,
            nt("KeSetEvent")};
  after_stop_ = [&](std::uint64_t address) {
    if (address != nt("KeSetEvent")) return false;
    machine().interrupt({.handler = nt("KiPageFault"), .error_code = 0});
    return true;
  };
  EXPECT_FALSE(call(nt("KeSetEvent")));
  // Its context is the caller's of RtlCaptureContext, where the machine halted.
  const std::uint64_t context = machine().get(world_->prcb(0) + windows_10_19041.prcb.context);
  EXPECT_EQ(machine().get(context + 0xf8), machine().cpu().rip);
}

// The linker's import thunks, which nothing here goes through: asked at, not run.
void EveryInstruction::stand_at_thunks() {
  for (const LoadedImage& each : world_->images()) {
    for (const LoadedImage::Import& import : each.imports) {
      const auto thunk = each.symbols.find(import.name);
      if (thunk == each.symbols.end()) continue;
      stops_ = {thunk->second};
      EXPECT_FALSE(call(thunk->second));
    }
  }
}

void EveryInstruction::run_kernel() {
  for (const auto scenario :
       {&EveryInstruction::start_twice, &EveryInstruction::open_files,
        &EveryInstruction::open_contended, &EveryInstruction::fail_to_open,
        &EveryInstruction::wait_and_signal, &EveryInstruction::expand_stacks,
        &EveryInstruction::take_resources, &EveryInstruction::find_files,
        &EveryInstruction::enter_oddly, &EveryInstruction::run_dpcs,
        &EveryInstruction::fault_and_crash, &EveryInstruction::stand_at_thunks}) {
    fresh_world();
    stops_.clear();
    (this->*scenario)();
    stop_ = nullptr;
    after_stop_ = nullptr;
  }
}

// The frame below an interrupt is not at a call: its very instruction decides.
void EveryInstruction::interrupt_shapes(const LoadedImage& shapes) {
  exempt_shapes(shapes);
  const std::uint64_t inside = nt("KiProcessInterrupt"), inside_fault = nt("MmAccessFault");
  std::set<std::uint64_t> interrupted;
  std::uint64_t checks = 0;
  machine().before_instruction = [&](std::uint64_t address) {
    if (address == inside || address == inside_fault) checks += truth_->check_here() ? 1 : 0;
    return stops_.contains(address) ||
           (shapes.holds(address) && !find_exemption(truth_->not_asked, address) &&
            interrupted.insert(address).second);
  };
  after_stop_ = [&](std::uint64_t address) {
    if (stops_.contains(address)) return false;
    if (interrupted.size() % 2 == 0) {
      machine().interrupt({.handler = nt("KiInterruptDispatch")});
    } else {
      machine().interrupt({.handler = nt("KiPageFault"), .error_code = 2});
    }
    return true;
  };
  run_shapes(shapes);
  expect_no_failures();
  EXPECT_GE(checks, 3000u);
  EXPECT_EQ(checks, interrupted.size());
  std::cout << fmt::format("{} interrupts, each unwound from its handler\n", checks);
}

TEST_F(EveryInstruction, OfTheShapesUnwindsToTheTrueStack) {
  exempt_shapes(image("shapes.sys"));
  run_shapes(image("shapes.sys"));
  expect_no_failures();
  report(image("shapes.sys"));
}

TEST_F(EveryInstruction, OfTheShapesUnwindsFromAnInterruptAtIt) {
  interrupt_shapes(image("shapes.sys"));
}

TEST_F(EveryInstruction, OfTheShapesWithVersion2UnwindsToTheTrueStack) {
  exempt_shapes(image("shapes_v2.sys"));
  run_shapes(image("shapes_v2.sys"));
  expect_no_failures();
  report(image("shapes_v2.sys"));
}

TEST_F(EveryInstruction, OfTheShapesWithVersion2UnwindsFromAnInterruptAtIt) {
  interrupt_shapes(image("shapes_v2.sys"));
}

TEST_F(EveryInstruction, OfTheKernelUnwindsToTheTrueStack) {
  run_kernel();
  expect_no_failures();
  for (const LoadedImage& each : world_->images()) {
    if (!each.file_name.starts_with("shapes")) report(each);
  }
}

}  // namespace
}  // namespace ntstack::world
