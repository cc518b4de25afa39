#include "world/kernel_scenarios.h"

#include <algorithm>

namespace ntstack::world {

std::uint64_t KernelScenarios::kernel_call(const char* image, const char* name,
                                           std::vector<std::uint64_t> arguments) {
  EXPECT_TRUE(call(objects().symbol(image, name), std::move(arguments))) << name;
  return result() & 0xffffffff;
}

std::uint64_t KernelScenarios::open(const std::string& path, std::uint32_t service,
                                    std::uint64_t options, bool has_handle) {
  const std::uint64_t attributes = objects().user_object_attributes(thread_, path);
  const std::uint64_t here = thread_.user_stack;
  std::vector<std::uint64_t> arguments = {attributes, here + 0x80};
  if (service == service_create_file) {
    arguments = {has_handle ? here + 0x80 : 0, 0x120089, attributes, here + 0x90, 0, options};
  }
  EXPECT_TRUE(system_call(thread_, {service, user_ip, arguments})) << path;
  return result() & 0xffffffff;
}

void KernelScenarios::start_twice() {
  kernel_call("ntoskrnl.exe", "IoGetLastDevice");
  kernel_call("ntoskrnl.exe", "KiSystemStartup");
  start_drivers();
  EXPECT_EQ(kernel_call("mrxsmb.sys", "DriverEntry"), 0xc000000d);  // registered already
  for (int i = 0; i < 14; i++) kernel_call("mup.sys", "DriverEntry");
  EXPECT_EQ(kernel_call("fltmgr.sys", "DriverEntry"), 0xc0000017);  // no more devices
}

// Files that nobody else has; the wait for the server is over at the first switch. Then once more,
// the control block being there, and with the capturing APC in the way.
void KernelScenarios::open_files() {
  start_drivers();
  EXPECT_EQ(open(good_path), 0u);
  EXPECT_EQ(open(good_path, service_create_file), 0u);
  EXPECT_EQ(open(good_path, service_create_file, 1), 0u);  // around the filters
  objects().queue_capture(thread_);
  EXPECT_EQ(open(good_path, service_create_file), 0u);
  EXPECT_EQ(open("\\Device\\Mup\\f\\www\\web.config"), 0u);  // further control blocks
  EXPECT_EQ(open("\\Device\\Mup\\fi\\www\\web.config"), 0u);
  EXPECT_EQ(open("\\Device\\Mup\\fil\\www\\web.config"), 0u);
  EXPECT_EQ(open("\\Device\\Mup\\file\\www\\web.config"), 0u);
  EXPECT_EQ(open("\\Device\\Mup\\files\\www\\web.config"), 0u);
}

// A thread stays in its wait with the file's resource; another one waits for it, is told "timeout"
// once, and then has it.
void KernelScenarios::open_contended() {
  start_drivers();
  stops_.insert(nt("SwapContext"));
  const Thread owner =
      objects().create_thread(objects().process(), "owner", 0x2210, 0xfffff8801adc2000);
  const std::uint64_t attributes = objects().user_object_attributes(owner, good_path);
  EXPECT_FALSE(system_call(
      owner, {service_query_full_attributes, user_ip, {attributes, owner.user_stack + 0x80}}));
  stops_.erase(nt("SwapContext"));
  const std::uint64_t wait_status =
      thread_.ethread + objects().layout().kthread.wait_block_list - 8;
  memory().put(wait_status, std::uint32_t{0x102});
  unsigned switches = 0;
  stop_ = [&](std::uint64_t address) {
    if (address == nt("KiSwapThread") && ++switches == 2)
      memory().put(wait_status, std::uint32_t{0});
    return false;
  };
  memory().put(nt("KiWorld"), expansion_base);
  EXPECT_EQ(open(good_path), 0u);
  stop_ = nullptr;
}

void KernelScenarios::fail_to_open() {
  start_drivers();
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
  const std::uint64_t attributes = objects().user_object_attributes(thread_, prefix);
  memory().put(attributes + 0x10, std::uint64_t{0});
  EXPECT_TRUE(system_call(thread_, {service_query_full_attributes, user_ip, {attributes, 0}}));
}

void KernelScenarios::wait_and_signal() {
  const std::uint64_t event = objects().pool(0x18), waited = objects().pool(0x20),
                      irp = objects().pool(0x80), timeout = objects().pool(8);
  for (int i = 0; i < 4; i++) memory().put(waited + 8 * static_cast<std::uint64_t>(i), event);
  kernel_call("ntoskrnl.exe", "KeInitializeEvent", {event, 0, 0});
  const auto wait_for_many = [&](std::uint64_t count, std::uint64_t until) {
    return kernel_call("ntoskrnl.exe", "KeWaitForMultipleObjects",
                       {count, waited, 1, 0, 0, 0, until, 0});
  };
  EXPECT_EQ(wait_for_many(0, 0), 0xc000000d);
  EXPECT_EQ(wait_for_many(4, 0), 0xc000000d);
  EXPECT_EQ(wait_for_many(1, timeout), 0x102u);  // a timeout of nothing
  memory().put(nt("KiWorld") + 0x18, event);     // signalled when the thread is switched
  EXPECT_EQ(kernel_call("ntoskrnl.exe", "KeWaitForSingleObject", {event, 0, 0, 0, 0}), 0u);
  memory().put(event + 4, std::uint32_t{0});
  EXPECT_EQ(wait_for_many(1, 0), 0u);
  memory().put(event + 4, std::uint32_t{0});
  objects().queue_capture(thread_);
  stop_ = [&](std::uint64_t address) {  // signalled while the APC runs
    if (address == nt("RtlCaptureContext")) memory().put(event + 4, std::uint32_t{1});
    return false;
  };
  EXPECT_EQ(kernel_call("ntoskrnl.exe", "KeWaitForSingleObject", {event, 0, 0, 0, 0}), 0x100u);
  EXPECT_EQ(kernel_call("ntoskrnl.exe", "KeWaitForSingleObject", {event, 0, 0, 0, 0}), 0u);
  kernel_call("ntoskrnl.exe", "KeSetEvent", {event});
  memory().put(irp + 0x28, std::uint32_t{0xc0000120});
  for (const std::uint64_t request : {irp, std::uint64_t{0}}) {
    kernel_call("ntoskrnl.exe", "FsRtlCancellableWaitForMultipleObjects",
                {1, waited, 1, 0, 0, request});
  }
  // What the kernel asks of a thread's APC without a place for the answer; APCs of the user's list.
  const std::uint64_t request = objects().pool(0x10);
  EXPECT_EQ(kernel_call("ntoskrnl.exe", "DbgkpLkmdSnapThreadInContext", {thread_.ethread, request}),
            0xc000000d);
  memory().put(request, objects().pool(0x4d0));
  EXPECT_EQ(kernel_call("ntoskrnl.exe", "DbgkpLkmdSnapThreadInContext", {0, request}), 0xc000000d);
  kernel_call("ntoskrnl.exe", "KiDeliverApc", {1, 0, 0});
  // A server's answer that says "cancelled".
  const std::uint64_t exchange = objects().pool(0x60), context = objects().pool(0x60);
  memory().put(exchange, context);
  memory().put(context, irp);
  memory().put(irp + 0x28, std::uint32_t{0});
  memory().put(context + 0x34, std::uint32_t{1});
  kernel_call("mrxsmb.sys", "SmbCeSend", {exchange});
  EXPECT_EQ(kernel_call("mrxsmb.sys", "SmbCeWaitForCompletionAndFinalizeExchangeEx", {exchange}),
            0xc0000120);
}

void KernelScenarios::expand_stacks() {
  const std::uint64_t leaf = objects().symbol("shapes.sys", "AsmLeaf");
  const auto expand = [&](std::uint64_t size) {
    return kernel_call("ntoskrnl.exe", "KeExpandKernelStackAndCallout", {leaf, 1, size});
  };
  EXPECT_EQ(expand(0x20000), 0xc000000d);
  EXPECT_EQ(expand(0), 0u);
  EXPECT_EQ(expand(0x8000), 0u);
  memory().put(nt("KiWorld"), std::uint64_t{0});
  EXPECT_EQ(expand(0x8000), 0xc0000017);
}

void KernelScenarios::take_resources() {
  const std::uint64_t resource = objects().pool(0x80), context = objects().pool(0x60);
  const auto acquire = [&](std::uint64_t wait) {
    return kernel_call("ntoskrnl.exe", "ExAcquireResourceExclusiveLite", {resource, wait});
  };
  kernel_call("ntoskrnl.exe", "ExInitializeResourceLite", {resource});
  EXPECT_EQ(acquire(1), 1u);
  EXPECT_EQ(acquire(1), 1u);
  kernel_call("ntoskrnl.exe", "ExReleaseResourceLite", {resource});
  memory().put(resource + 0x30, std::uint64_t{0xfffffa8000001000});  // another thread's
  EXPECT_EQ(acquire(0), 0u);
  EXPECT_EQ(kernel_call("rdbss.sys", "_RxAcquireFcb", {resource, context, 0}), 0xc0000120);
  EXPECT_EQ(kernel_call("rdbss.sys", "_RxAcquireFcb", {resource, context, 2}), 0xc000000d);
  const std::uint64_t used = memory().get(nt("ExpPoolUsed"));
  memory().put(nt("ExpPoolUsed"), std::uint64_t{0x4000});
  EXPECT_EQ(acquire(1), 0u);
  const std::uint64_t name = objects().pool(0x10);
  EXPECT_EQ(kernel_call("rdbss.sys", "RxFindOrCreateFcb", {context, name}), 0xc0000017);
  memory().put(nt("ExpPoolUsed"), used);
  EXPECT_EQ(acquire(1), 1u);
  memory().put(resource + 0x30, std::uint64_t{0xfffffa8000001000});
  EXPECT_EQ(acquire(1), 1u);
  kernel_call("ntoskrnl.exe", "ExReleaseResourceLite", {resource});
}

// What the drivers refuse, and no create leads to.
void KernelScenarios::find_files() {
  start_drivers();
  const std::uint64_t context = objects().pool(0x60), irp = objects().pool(0x80),
                      fcb = objects().pool(0x80), mup = objects().pool(0x20);
  EXPECT_EQ(kernel_call("rdbss.sys", "RxCollapseOrCreateSrvOpen", {context}), 0xc0000010);
  memory().put(context + 8, fcb);
  EXPECT_EQ(kernel_call("rdbss.sys", "RxCommonClose", {context, irp}), 0xc000000d);
  kernel_call("rdbss.sys", "RxCreateFcb", {4});
  EXPECT_EQ(kernel_call("rdbss.sys", "RxCommonClose", {context, irp}), 0xc000000d);
  kernel_call("rdbss.sys", "RxCreateFcb", {0});
  kernel_call("rdbss.sys", "RxCreateFcb", {8});
  EXPECT_EQ(kernel_call("rdbss.sys", "RxCommonClose", {context, irp}), 0xc000000d);
  memory().put(irp, std::uint32_t{7});
  EXPECT_EQ(kernel_call("rdbss.sys", "RxFsdDispatch", {0, irp}), 0xc0000010);
  EXPECT_EQ(kernel_call("mup.sys", "MupiCallUncProvider", {mup}), 0xc00000be);
}

// Stops before `function`'s first instruction, once, and interrupts there.
void KernelScenarios::interrupt_at(const std::string& function, Interrupt which) {
  stop_ = [at = nt(function), done = false](std::uint64_t address) mutable {
    return address == at && !std::exchange(done, true);
  };
  after_stop_ = [this, which](std::uint64_t) {
    interrupt(which);
    return true;
  };
}

void KernelScenarios::dispatch_close() {
  const std::uint64_t irp = objects().pool(0x80);
  memory().put(irp, std::uint32_t{1});
  kernel_call("ntoskrnl.exe", "IoGetLastDevice");
  kernel_call("fltmgr.sys", "FltpDispatch", {result(), irp});
}

void KernelScenarios::enter_oddly() {
  start_drivers();
  const auto close = [&](std::uint64_t handle) {
    EXPECT_TRUE(system_call(thread_, {service_close, user_ip, {handle}}));
    return result() & 0xffffffff;
  };
  EXPECT_EQ(close(4), 0u);
  memory().put(nt("KiDynamicTraceMask"), std::uint32_t{1});
  EXPECT_EQ(close(0), 0xc000000d);
  EXPECT_TRUE(system_call(thread_, {99, user_ip, {}}));
  EXPECT_EQ(kernel_call("ntoskrnl.exe", "MmAccessFault", {1, 0}), 0xc000000d);
  // An interrupt and a fault in the middle of the kernel.
  interrupt_at("RtlHashUnicodeString", Interrupt::device);
  const std::uint64_t name = objects().pool(0x20);
  kernel_call("ntoskrnl.exe", "RtlHashUnicodeString", {name});
  memory().put(name, std::uint16_t{2});
  memory().put(name + 8, name + 0x10);
  kernel_call("ntoskrnl.exe", "RtlHashUnicodeString", {name});
  interrupt_at("IofCallDriver", Interrupt::page_fault);
  dispatch_close();
}

// DPCs that end, from an interrupted thread and from the idle loop.
void KernelScenarios::run_dpcs() {
  start_drivers();
  const std::uint64_t fcbs = objects().pool(0x100), dpcs = objects().pool(0x80);
  memory().put(fcbs + 0x70, fcbs + 0x80);
  for (const std::uint64_t dpc : {dpcs, dpcs + 0x40}) {
    memory().put(dpc + 0x18, objects().symbol("rdbss.sys", "RxTimerDpc"));
    memory().put(dpc + 0x20, fcbs);
  }
  memory().put(dpcs + 8, dpcs + 0x40);
  memory().put(nt("KiWorld") + 0x20, dpcs);
  interrupt_at("IofCallDriver", Interrupt::dpc);
  dispatch_close();
  EXPECT_EQ(memory().get(nt("KiWorld") + 0x20), 0u);

  // An idle processor is woken from where it halts, once to a DPC.
  stop_ = nullptr;
  stops_ = {idle_wait()};
  unsigned halts = 0;
  after_stop_ = [&](std::uint64_t) {
    if (++halts == 2) memory().put(nt("KiWorld") + 0x20, dpcs);
    wake();
    return halts < 4;
  };
  EXPECT_FALSE(call(nt("KiIdleLoop"), {}));
}

// The linker's import thunks, which nothing here goes through: run up to their jump.
void KernelScenarios::stand_at_thunks() {
  for (const LoadedImage& each : objects().images()) {
    for (const LoadedImage::Import& import : each.imports) {
      const auto thunk = each.symbols.find(import.name);
      if (thunk == each.symbols.end()) continue;
      stops_ = {thunk->second + thunk_length()};
      EXPECT_FALSE(call(thunk->second, {}));
    }
  }
}

void KernelScenarios::run_kernel() {
  for (const auto scenario :
       {&KernelScenarios::start_twice, &KernelScenarios::open_files,
        &KernelScenarios::open_contended, &KernelScenarios::fail_to_open,
        &KernelScenarios::wait_and_signal, &KernelScenarios::expand_stacks,
        &KernelScenarios::take_resources, &KernelScenarios::find_files,
        &KernelScenarios::enter_oddly, &KernelScenarios::run_dpcs,
        &KernelScenarios::fault_and_crash, &KernelScenarios::stand_at_thunks}) {
    fresh_world();
    stops_.clear();
    (this->*scenario)();
    stop_ = nullptr;
    after_stop_ = nullptr;
  }
}

}  // namespace ntstack::world
