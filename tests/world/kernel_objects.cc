#include "world/kernel_objects.h"

#include <fmt/format.h>

#include <stdexcept>

namespace ntstack::world {
namespace {

constexpr std::uint64_t pool_begin = 0xfffffa800c0e0000, pool_size = 0x80000;
constexpr std::uint64_t user_code = 0x77a62000;  // where system calls come from
constexpr std::uint64_t kernel_stack_size = 0x6000;

void insert_tail(GuestMemory& memory, std::uint64_t head, std::uint64_t entry) {
  const auto last = memory.get(head + 8);
  memory.put(entry, head);
  memory.put(entry + 8, last);
  memory.put(last, entry);
  memory.put(head + 8, entry);
}

}  // namespace

KernelObjects::KernelObjects(GuestMemory& memory, const KernelLayout& layout)
    : layout_(layout), memory_(memory), pool_next_(pool_begin + 0xb30) {}

void KernelObjects::load(const std::filesystem::path& modules, std::span<const std::string> more) {
  for (const char* name :
       {"ntoskrnl.exe", "fltmgr.sys", "mup.sys", "rdbss.sys", "mrxsmb.sys", "mrxsmb20.sys"}) {
    images_.push_back(load_image(modules, name));
  }
  for (const std::string& name : more) images_.push_back(load_image(modules, name));
  bind_imports(images_);
  for (const LoadedImage& image : images_) {
    memory_.map(image.base, image.size);
    memory_.write(image.base, image.pages);
  }
  memory_.map(pool_begin, pool_size);
  memory_.map(boot_stack_base - kernel_stack_size, kernel_stack_size);
  memory_.map(user_code, 0x1000);
}

std::uint64_t KernelObjects::symbol(const std::string& image, const std::string& name) const {
  for (const LoadedImage& each : images_) {
    if (each.file_name == image) return each.symbol(name);
  }
  throw std::runtime_error(fmt::format("no image {}", image));
}

void KernelObjects::add_processor(std::uint64_t pcr, std::uint64_t dpc_stack,
                                  std::uint64_t isr_stack) {
  const auto number = static_cast<std::uint32_t>(pcrs_.size());
  memory_.map(pcr, layout_.pcr_size);
  memory_.map(dpc_stack - kernel_stack_size, kernel_stack_size);
  pcrs_.push_back(pcr);
  memory_.put(pcr + layout_.pcr.self, pcr);
  if (layout_.pcr.current_prcb != 0)
    memory_.put(pcr + layout_.pcr.current_prcb, pcr + layout_.pcr.prcb);
  const auto& p = layout_.prcb;
  memory_.put(prcb(number) + p.number, number);
  memory_.put(prcb(number) + p.dpc_stack, dpc_stack - layout_.dpc_stack_frame_size);
  memory_.put(prcb(number) + p.isr_stack, isr_stack);
  memory_.put(prcb(number) + p.context, pool(layout_.context_allocation, 0x40));
  memory_.put(prcb(number) + p.idle_thread, prcb(number) + 0xb2c0);  // beside it, in no dump
  memory_.put(nt("KiProcessorBlock") + 8 * number, prcb(number));
}

std::uint64_t KernelObjects::pool(std::uint64_t size, std::uint64_t alignment) {
  const std::uint64_t address = (pool_next_ + alignment - 1) & ~(alignment - 1);
  pool_next_ = address + size;
  if (pool_next_ > pool_begin + pool_size) throw std::runtime_error("the world's pool is used up");
  return address;
}

std::uint64_t KernelObjects::create_process(const std::string& image_name, std::uint64_t id) {
  const auto& offsets = layout_.eprocess;
  const std::uint64_t process = pool(offsets.size);
  if (process_ == 0) process_ = process;
  memory_.put<std::uint32_t>(process, 0x00260003);  // DISPATCHER_HEADER: a process
  memory_.put(process + offsets.directory_table_base, std::uint64_t{0x1f3c5000});
  memory_.put(process + offsets.unique_process_id, id);
  memory_.put(process + offsets.inherited_from, std::uint64_t{0x3d4});
  memory_.put(process + offsets.peb, std::uint64_t{0x7fffffdf000});
  memory_.write(process + offsets.image_file_name,
                {reinterpret_cast<const std::uint8_t*>(image_name.data()), image_name.size()});
  for (const auto head : {offsets.thread_list_head, offsets.kprocess_thread_list_head}) {
    memory_.put(process + head, process + head);
    memory_.put(process + head + 8, process + head);
  }
  const std::uint64_t active = nt("PsActiveProcessHead"),
                      links = process + offsets.active_process_links;
  insert_tail(memory_, active, links);
  return process;
}

Thread KernelObjects::create_thread(std::uint64_t process, const std::string& role,
                                    std::uint32_t id, std::uint64_t stack_base) {
  Thread thread;
  thread.role = role;
  thread.id = id;
  thread.ethread = pool(layout_.ethread.size);
  thread.stack_base = stack_base;
  thread.stack_limit = stack_base - kernel_stack_size;
  thread.teb = 0x7fffffde000 - 0x2000ull * (id & 0xff);
  thread.user_stack = 0x1200000 + 0x10000ull * (id & 0xfff) + 0xf498;
  memory_.map(thread.stack_limit, kernel_stack_size);
  memory_.map(thread.user_stack & ~0xfffull, 0x1000);

  const auto& k = layout_.kthread;
  const std::uint64_t object = thread.ethread,
                      initial_stack = stack_base - layout_.stack_control_size;
  memory_.put<std::uint32_t>(object, 0x00000006);  // DISPATCHER_HEADER: a thread
  memory_.put(object + 8, object + 8);
  memory_.put(object + 0x10, object + 8);
  memory_.put(object + k.initial_stack, initial_stack);
  memory_.put(object + k.stack_limit, thread.stack_limit);
  memory_.put(object + k.stack_base, stack_base);
  memory_.put(object + k.kernel_stack, initial_stack);
  for (const unsigned mode : {0u, 1u}) {
    const std::uint64_t head = object + k.apc_list_head + 0x10 * mode;
    memory_.put(head, head);
    memory_.put(head + 8, head);
  }
  memory_.put(object + k.apc_process, process);
  memory_.put(object + k.process, process);
  memory_.put(object + k.teb, thread.teb);
  memory_.put<std::uint8_t>(object + k.state, 2);
  const auto& e = layout_.ethread;
  memory_.put(object + e.cid, memory_.get(process + layout_.eprocess.unique_process_id));
  memory_.put(object + e.cid + 8, std::uint64_t{id});
  memory_.put(object + e.start_address, std::uint64_t{0x77a3c500});
  memory_.put(object + e.win32_start_address, std::uint64_t{0x7fef8a61f10});
  memory_.put(initial_stack, stack_base);
  memory_.put(initial_stack + 8, thread.stack_limit);

  insert_tail(memory_, process + layout_.eprocess.thread_list_head, object + e.thread_list_entry);
  insert_tail(memory_, process + layout_.eprocess.kprocess_thread_list_head,
              object + k.thread_list_entry);
  const auto count = process + layout_.eprocess.active_threads;
  memory_.put(count, memory_.get<std::uint32_t>(count) + 1);
  return thread;
}

void KernelObjects::queue_capture(Thread& thread) {
  thread.apc_context = pool(layout_.context_size, 16);
  const std::uint64_t request = pool(0x10), apc = pool(0x58);
  memory_.put(request, thread.apc_context);
  memory_.put<std::uint8_t>(apc, 0x12);  // ApcObject
  memory_.put<std::uint8_t>(apc + 2, 0x58);
  memory_.put(apc + 8, thread.ethread);
  memory_.put(apc + 0x20, memory_.get(nt("DbgkLkmdApcRoutine")));
  memory_.put(apc + 0x40, request);
  memory_.put<std::uint8_t>(apc + 0x52, 1);
  const std::uint64_t head = thread.ethread + layout_.kthread.apc_list_head;
  memory_.put(apc + 0x10, head);
  memory_.put(apc + 0x18, head);
  memory_.put(head, apc + 0x10);
  memory_.put(head + 8, apc + 0x10);
  memory_.put<std::uint8_t>(thread.ethread + layout_.kthread.kernel_apc_pending, 1);
}

std::uint64_t KernelObjects::user_object_attributes(const Thread& thread, const std::string& path) {
  const std::uint64_t here = thread.user_stack & ~0xfffull;
  const std::uint64_t name = here + 0x40, text = here + 0x60;
  for (std::size_t i = 0; i < path.size(); i++)
    memory_.put(text + 2 * i, static_cast<std::uint16_t>(path[i]));
  memory_.put(name, static_cast<std::uint16_t>(2 * path.size()));
  memory_.put(name + 2, static_cast<std::uint16_t>(2 * path.size()));
  memory_.put(name + 8, text);
  memory_.put<std::uint32_t>(here, 0x30);
  memory_.put(here + 0x10, name);
  memory_.put<std::uint32_t>(here + 0x18, 0x40);
  return here;
}

std::vector<StackSegment> KernelObjects::segments_of(const Thread& thread, std::uint64_t sp) const {
  const auto& k = layout_.kthread;
  std::vector<StackSegment> segments;
  StackSegment segment{memory_.get(thread.ethread + k.stack_base),
                       memory_.get(thread.ethread + k.stack_limit),
                       memory_.get(thread.ethread + k.initial_stack), sp};
  segments.push_back(segment);
  while (const std::uint64_t previous_base = memory_.get(segment.initial_stack + 0x10)) {
    segment = {previous_base, memory_.get(segment.initial_stack + 0x18),
               memory_.get(segment.initial_stack + 0x28),
               memory_.get(segment.initial_stack + 0x20)};
    segments.push_back(segment);
  }
  return segments;
}

}  // namespace ntstack::world
