#include "world/kernel_world.h"

#include <fmt/format.h>

#include <stdexcept>

namespace ntstack::world {
namespace {

constexpr std::uint64_t pool_begin = 0xfffffa800c0e0000, pool_size = 0x80000;
constexpr std::uint64_t boot_stack_base = 0xfffff88002f67000;
constexpr std::uint64_t user_code = 0x77a62000;  // where system calls come from
constexpr std::uint64_t kernel_stack_size = 0x6000;

// Below the base of a thread's first stack: KSTACK_CONTROL and the room for extended processor
// state. With it the trap frame of a system call lies at base - 0x3e0, as in the published
// listings.
constexpr std::uint64_t above_initial_stack = 0x250;

void insert_tail(Machine& machine, std::uint64_t head, std::uint64_t entry) {
  const auto last = machine.get(head + 8);
  machine.put(entry, head);
  machine.put(entry + 8, last);
  machine.put(last, entry);
  machine.put(head + 8, entry);
}

}  // namespace

KernelWorld::KernelWorld(const std::filesystem::path& modules, const KernelLayout& layout,
                         std::span<const std::string> more)
    : layout_(layout), pool_next_(pool_begin + 0xb30) {
  for (const char* name :
       {"ntoskrnl.exe", "fltmgr.sys", "mup.sys", "rdbss.sys", "mrxsmb.sys", "mrxsmb20.sys"}) {
    images_.push_back(load_image(modules, name));
  }
  for (const std::string& name : more) images_.push_back(load_image(modules, name));
  bind_imports(images_);
  for (const LoadedImage& image : images_) {
    machine_.map(image.base, image.size);
    machine_.write(image.base, image.pages);
  }
  machine_.map(pool_begin, pool_size);
  machine_.map(boot_stack_base - kernel_stack_size, kernel_stack_size);
  machine_.machine_frame_entries = {{nt("KySwitchKernelStackCallout"), 0},
                                    {nt("KxRetireDpcList"), 0x20}};
  machine_.map(user_code, 0x1000);
}

std::uint64_t KernelWorld::symbol(const std::string& image, const std::string& name) const {
  for (const LoadedImage& each : images_) {
    if (each.file_name == image) return each.symbol(name);
  }
  throw std::runtime_error(fmt::format("no image {}", image));
}

void KernelWorld::start_drivers() {
  Cpu cpu;
  cpu.gpr[4] = boot_stack_base - 0x100;
  machine_.set_cpu(cpu);
  for (const char* name : {"rdbss.sys", "mrxsmb.sys", "mrxsmb20.sys", "mup.sys", "fltmgr.sys"}) {
    if (machine_.call(symbol(name, "DriverEntry")) != 0)
      throw std::runtime_error(fmt::format("{} did not start", name));
  }
}

void KernelWorld::add_processor(std::uint64_t pcr, std::uint64_t dpc_stack,
                                std::uint64_t isr_stack) {
  const auto number = static_cast<std::uint32_t>(pcrs_.size());
  machine_.map(pcr, layout_.pcr_size);
  machine_.map(dpc_stack - kernel_stack_size, kernel_stack_size);
  pcrs_.push_back(pcr);
  machine_.put(pcr + 0x18, pcr);
  machine_.put(pcr + 0x20, pcr + 0x180);
  const auto& p = layout_.prcb;
  machine_.put(prcb(number) + p.number, number);
  machine_.put(prcb(number) + p.dpc_stack, dpc_stack - 0x50);
  machine_.put(prcb(number) + p.isr_stack, isr_stack);
  machine_.put(prcb(number) + p.context, pool(0x640, 0x40));
  machine_.put(prcb(number) + p.idle_thread, prcb(number) + 0xb2c0);  // beside it, in no dump
  machine_.put(nt("KiProcessorBlock") + 8 * number, prcb(number));
}

std::uint64_t KernelWorld::pool(std::uint64_t size, std::uint64_t alignment) {
  const std::uint64_t address = (pool_next_ + alignment - 1) & ~(alignment - 1);
  pool_next_ = address + size;
  if (pool_next_ > pool_begin + pool_size) throw std::runtime_error("the world's pool is used up");
  return address;
}

std::uint64_t KernelWorld::create_process(const std::string& image_name, std::uint64_t id) {
  const auto& offsets = layout_.eprocess;
  const std::uint64_t process = pool(offsets.size);
  if (process_ == 0) process_ = process;
  machine_.put<std::uint32_t>(process, 0x00260003);  // DISPATCHER_HEADER: a process
  machine_.put(process + offsets.directory_table_base, std::uint64_t{0x1f3c5000});
  machine_.put(process + offsets.unique_process_id, id);
  machine_.put(process + offsets.inherited_from, std::uint64_t{0x3d4});
  machine_.put(process + offsets.peb, std::uint64_t{0x7fffffdf000});
  machine_.write(process + offsets.image_file_name,
                 {reinterpret_cast<const std::uint8_t*>(image_name.data()), image_name.size()});
  for (const auto head : {offsets.thread_list_head, offsets.kprocess_thread_list_head}) {
    machine_.put(process + head, process + head);
    machine_.put(process + head + 8, process + head);
  }
  const std::uint64_t active = nt("PsActiveProcessHead"),
                      links = process + offsets.active_process_links;
  insert_tail(machine_, active, links);
  return process;
}

Thread KernelWorld::create_thread(std::uint64_t process, const std::string& role, std::uint32_t id,
                                  std::uint64_t stack_base) {
  Thread thread;
  thread.role = role;
  thread.id = id;
  thread.ethread = pool(layout_.ethread.size);
  thread.stack_base = stack_base;
  thread.stack_limit = stack_base - kernel_stack_size;
  thread.teb = 0x7fffffde000 - 0x2000ull * (id & 0xff);
  thread.user_stack = 0x1200000 + 0x10000ull * (id & 0xfff) + 0xf498;
  machine_.map(thread.stack_limit, kernel_stack_size);
  machine_.map(thread.user_stack & ~0xfffull, 0x1000);

  const auto& k = layout_.kthread;
  const std::uint64_t object = thread.ethread, initial_stack = stack_base - above_initial_stack;
  machine_.put<std::uint32_t>(object, 0x00000006);  // DISPATCHER_HEADER: a thread
  machine_.put(object + 8, object + 8);
  machine_.put(object + 0x10, object + 8);
  machine_.put(object + k.initial_stack, initial_stack);
  machine_.put(object + k.stack_limit, thread.stack_limit);
  machine_.put(object + k.stack_base, stack_base);
  machine_.put(object + k.kernel_stack, initial_stack);
  for (const unsigned mode : {0u, 1u}) {
    const std::uint64_t head = object + k.apc_list_head + 0x10 * mode;
    machine_.put(head, head);
    machine_.put(head + 8, head);
  }
  machine_.put(object + k.apc_process, process);
  machine_.put(object + k.process, process);
  machine_.put(object + k.teb, thread.teb);
  machine_.put<std::uint8_t>(object + k.state, 2);
  const auto& e = layout_.ethread;
  machine_.put(object + e.cid, machine_.get(process + layout_.eprocess.unique_process_id));
  machine_.put(object + e.cid + 8, std::uint64_t{id});
  machine_.put(object + e.start_address, std::uint64_t{0x77a3c500});
  machine_.put(object + e.win32_start_address, std::uint64_t{0x7fef8a61f10});
  machine_.put(initial_stack, stack_base);
  machine_.put(initial_stack + 8, thread.stack_limit);

  insert_tail(machine_, process + layout_.eprocess.thread_list_head, object + e.thread_list_entry);
  insert_tail(machine_, process + layout_.eprocess.kprocess_thread_list_head,
              object + k.thread_list_entry);
  const auto count = process + layout_.eprocess.active_threads;
  machine_.put(count, machine_.get<std::uint32_t>(count) + 1);
  return thread;
}

void KernelWorld::queue_capture(Thread& thread) {
  thread.apc_context = pool(0x4d0, 16);
  const std::uint64_t request = pool(0x10), apc = pool(0x58);
  machine_.put(request, thread.apc_context);
  machine_.put<std::uint8_t>(apc, 0x12);  // ApcObject
  machine_.put<std::uint8_t>(apc + 2, 0x58);
  machine_.put(apc + 8, thread.ethread);
  machine_.put(apc + 0x20, machine_.get(nt("DbgkLkmdApcRoutine")));
  machine_.put(apc + 0x40, request);
  machine_.put<std::uint8_t>(apc + 0x52, 1);
  const std::uint64_t head = thread.ethread + layout_.kthread.apc_list_head;
  machine_.put(apc + 0x10, head);
  machine_.put(apc + 0x18, head);
  machine_.put(head, apc + 0x10);
  machine_.put(head + 8, apc + 0x10);
  machine_.put<std::uint8_t>(thread.ethread + layout_.kthread.kernel_apc_pending, 1);
}

std::uint64_t KernelWorld::user_object_attributes(const Thread& thread, const std::string& path) {
  const std::uint64_t here = thread.user_stack & ~0xfffull;
  const std::uint64_t name = here + 0x40, text = here + 0x60;
  for (std::size_t i = 0; i < path.size(); i++)
    machine_.put(text + 2 * i, static_cast<std::uint16_t>(path[i]));
  machine_.put(name, static_cast<std::uint16_t>(2 * path.size()));
  machine_.put(name + 2, static_cast<std::uint16_t>(2 * path.size()));
  machine_.put(name + 8, text);
  machine_.put<std::uint32_t>(here, 0x30);
  machine_.put(here + 0x10, name);
  machine_.put<std::uint32_t>(here + 0x18, 0x40);
  return here;
}

void KernelWorld::make_current(const Thread& thread) {
  machine_.put(prcb(current_) + layout_.prcb.current_thread, thread.ethread);
  machine_.put(prcb(current_) + layout_.prcb.rsp_base,
               machine_.get(thread.ethread + layout_.kthread.initial_stack));
  machine_.reset_cpu();
  machine_.set_gs(pcr(current_), thread.teb);
}

bool KernelWorld::system_call(const Thread& thread, const SystemCall& call) {
  const std::uint64_t initial_stack = machine_.get(thread.ethread + layout_.kthread.initial_stack);
  make_current(thread);
  machine_.set_gs(thread.teb, pcr(current_));

  Cpu cpu;
  for (unsigned i = 0; i < 16; i++)
    cpu.gpr[i] = 0x1111111111111111ull * i;  // the user's own, recognisable
  cpu.gpr[4] = thread.user_stack;
  cpu.gpr[5] = thread.user_stack + 0x60;
  const unsigned order[] = {10, 2, 8, 9};
  for (std::size_t i = 0; i < call.arguments.size(); i++) {
    if (i < 4)
      cpu.gpr[order[i]] = call.arguments[i];
    else
      machine_.put(thread.user_stack + 8 + 8 * i, call.arguments[i]);
  }
  ShadowFrame user;
  user.return_address = call.user_rip;
  user.slot = initial_stack - 0x28;
  user.caller_sp = thread.user_stack;
  user.caller_gpr = cpu.gpr;
  user.entry = nt("KiSystemCall64");
  user.machine_frame = true;
  machine_.shadow = {user};

  cpu.gpr[0] = call.number;
  cpu.gpr[1] = call.user_rip;
  cpu.gpr[11] = 0x246;
  cpu.rip = nt("KiSystemCall64");
  machine_.set_cpu(cpu);
  machine_.run(call.user_rip);
  return machine_.shadow.empty();
}

std::vector<StackSegment> KernelWorld::segments_of(const Thread& thread, std::uint64_t sp) const {
  const auto& k = layout_.kthread;
  std::vector<StackSegment> segments;
  StackSegment segment{machine_.get(thread.ethread + k.stack_base),
                       machine_.get(thread.ethread + k.stack_limit),
                       machine_.get(thread.ethread + k.initial_stack), sp};
  segments.push_back(segment);
  while (const std::uint64_t previous_base = machine_.get(segment.initial_stack + 0x10)) {
    segment = {previous_base, machine_.get(segment.initial_stack + 0x18),
               machine_.get(segment.initial_stack + 0x28),
               machine_.get(segment.initial_stack + 0x20)};
    segments.push_back(segment);
  }
  return segments;
}

ThreadTruth KernelWorld::run_until_captured(const Thread& thread, const SystemCall& call) {
  const std::uint64_t captured = nt("DbgkpLkmdSnapThreadInContext") + 0x79;
  const std::uint64_t swap = nt("SwapContext"), swap_end = nt("RtlCaptureContext");
  ThreadTruth truth;
  machine_.before_instruction = [&](std::uint64_t address) {
    if (address == captured) truth.capture = Capture::apc;
    const bool saved =
        address >= swap && address < swap_end &&
        machine_.get(thread.ethread + layout_.kthread.kernel_stack) == machine_.cpu().rsp();
    if (saved) truth.capture = Capture::switched_out;
    return truth.capture != Capture::none;
  };
  const bool returned = system_call(thread, call);
  machine_.before_instruction = nullptr;
  if (returned)
    throw std::runtime_error(fmt::format("thread {:x} came back to user mode", thread.id));

  truth.role = thread.role;
  truth.id = thread.id;
  truth.ethread = thread.ethread;
  truth.user_rip = call.user_rip;
  truth.user_rsp = thread.user_stack;
  truth.segments = segments_of(thread, machine_.cpu().rsp());
  truth.frames = frames_of(machine_);
  // A thread that was switched out is entered below SwapContext, where its KSWITCH_FRAME leads.
  if (truth.capture == Capture::switched_out) truth.frames.erase(truth.frames.begin());
  if (truth.capture == Capture::apc) truth.context = machine_.read(thread.apc_context, 0x4d0);
  return truth;
}

}  // namespace ntstack::world
