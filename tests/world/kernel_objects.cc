#include "world/kernel_objects.h"

#include <fmt/format.h>

#include <stdexcept>

namespace ntstack::world {
namespace {

constexpr std::uint64_t pool_size = 0x200000;
constexpr std::uint64_t user_code = 0x77a62000;  // where system calls come from

}  // namespace

KernelObjects::KernelObjects(GuestMemory& memory, const KernelLayout& layout)
    : layout_(layout), memory_(memory), pool_next_(layout.pool + 0xb30) {}

std::uint64_t KernelObjects::pointer(std::uint64_t address) const {
  return layout_.pointer_size == 8 ? memory_.get(address) : memory_.get<std::uint32_t>(address);
}

void KernelObjects::put_pointer(std::uint64_t address, std::uint64_t value) {
  if (layout_.pointer_size == 8)
    memory_.put(address, value);
  else
    memory_.put(address, static_cast<std::uint32_t>(value));
}

void KernelObjects::insert_tail(std::uint64_t head, std::uint64_t entry) {
  const std::uint64_t word = layout_.pointer_size, last = pointer(head + word);
  put_pointer(entry, head);
  put_pointer(entry + word, last);
  put_pointer(last, entry);
  put_pointer(head + word, entry);
}

void KernelObjects::make_empty(std::uint64_t list_head) {
  put_pointer(list_head, list_head);
  put_pointer(list_head + layout_.pointer_size, list_head);
}

void KernelObjects::load(const std::filesystem::path& modules, std::span<const std::string> more) {
  std::vector<std::string> names = {"ntoskrnl.exe", "fltmgr.sys", "mup.sys",
                                    "rdbss.sys",    "mrxsmb.sys", "mrxsmb20.sys"};
  names.insert(names.end(), more.begin(), more.end());
  load_only(modules, names);
}

void KernelObjects::load_only(const std::filesystem::path& modules,
                              std::span<const std::string> names) {
  for (const std::string& name : names) images_.push_back(load_image(modules, name));
  bind_imports(images_);
  for (const LoadedImage& image : images_) {
    memory_.map(image.base, image.size);
    memory_.write(image.base, image.pages);
  }
  memory_.map(layout_.pool, pool_size);
  memory_.map(layout_.boot_stack_base - layout_.kernel_stack_size, layout_.kernel_stack_size);
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
  memory_.map(dpc_stack - layout_.kernel_stack_size, layout_.kernel_stack_size);
  pcrs_.push_back(pcr);
  put_pointer(pcr + layout_.pcr.self, pcr);
  if (layout_.pcr.current_prcb != 0)
    put_pointer(pcr + layout_.pcr.current_prcb, pcr + layout_.pcr.prcb);
  const auto& p = layout_.prcb;
  memory_.put(prcb(number) + p.number, number);
  put_pointer(prcb(number) + p.dpc_stack, dpc_stack - layout_.dpc_stack_frame_size);
  if (p.isr_stack != 0) put_pointer(prcb(number) + p.isr_stack, isr_stack);
  put_pointer(prcb(number) + p.context, pool(layout_.context_allocation, 0x40));
  put_pointer(prcb(number) + p.idle_thread, prcb(number) + 0xb2c0);  // beside it, in no dump
  put_pointer(nt("KiProcessorBlock") + layout_.pointer_size * number, prcb(number));
}

std::uint64_t KernelObjects::pool(std::uint64_t size, std::uint64_t alignment) {
  const std::uint64_t address = (pool_next_ + alignment - 1) & ~(alignment - 1);
  pool_next_ = address + size;
  if (pool_next_ > layout_.pool + pool_size)
    throw std::runtime_error("the world's pool is used up");
  return address;
}

std::uint64_t KernelObjects::create_process(const std::string& image_name, std::uint64_t id) {
  const auto& offsets = layout_.eprocess;
  const std::uint64_t process = pool(offsets.size);
  if (process_ == 0) process_ = process;
  memory_.put<std::uint32_t>(process, 0x00260003);  // DISPATCHER_HEADER: a process
  put_pointer(process + offsets.directory_table_base, 0x1f3c5000);
  put_pointer(process + offsets.unique_process_id, id);
  put_pointer(process + offsets.inherited_from, 0x3d4);
  put_pointer(process + offsets.peb, layout_.highest_teb + 0x1000);
  memory_.write(process + offsets.image_file_name,
                {reinterpret_cast<const std::uint8_t*>(image_name.data()), image_name.size()});
  for (const auto head : {offsets.thread_list_head, offsets.kprocess_thread_list_head})
    make_empty(process + head);
  const std::uint64_t active = nt("PsActiveProcessHead"),
                      links = process + offsets.active_process_links;
  insert_tail(active, links);
  return process;
}

Thread KernelObjects::create_thread(std::uint64_t process, const std::string& role,
                                    std::uint32_t id, std::uint64_t stack_base) {
  Thread thread;
  thread.role = role;
  thread.id = id;
  thread.ethread = pool(layout_.ethread.size);
  thread.stack_base = stack_base;
  thread.stack_limit = stack_base - layout_.kernel_stack_size;
  thread.teb = layout_.highest_teb - 0x2000ull * (id & 0xff);
  thread.user_stack = 0x1200000 + 0x10000ull * (id & 0xfff) + 0xf498;
  memory_.map(thread.stack_limit, layout_.kernel_stack_size);
  memory_.map(thread.user_stack & ~0xfffull, 0x1000);

  const auto& k = layout_.kthread;
  const std::uint64_t object = thread.ethread,
                      initial_stack = stack_base - layout_.stack_control_size;
  memory_.put<std::uint32_t>(object, 0x00000006);  // DISPATCHER_HEADER: a thread
  const std::uint64_t word = layout_.pointer_size;
  make_empty(object + 8);
  put_pointer(object + k.initial_stack, initial_stack);
  put_pointer(object + k.stack_limit, thread.stack_limit);
  put_pointer(object + k.stack_base, stack_base);
  put_pointer(object + k.kernel_stack, initial_stack);
  for (const unsigned mode : {0u, 1u}) make_empty(object + k.apc_list_head + 2 * word * mode);
  put_pointer(object + k.apc_process, process);
  put_pointer(object + k.process, process);
  put_pointer(object + k.teb, thread.teb);
  memory_.put<std::uint8_t>(object + k.state, 2);
  const auto& e = layout_.ethread;
  put_pointer(object + e.cid, pointer(process + layout_.eprocess.unique_process_id));
  put_pointer(object + e.cid + word, id);
  put_pointer(object + e.start_address, 0x77a3c500);
  put_pointer(object + e.win32_start_address, layout_.user_start_address);
  put_pointer(initial_stack, stack_base);
  put_pointer(initial_stack + word, thread.stack_limit);

  insert_tail(process + layout_.eprocess.thread_list_head, object + e.thread_list_entry);
  insert_tail(process + layout_.eprocess.kprocess_thread_list_head, object + k.thread_list_entry);
  const auto count = process + layout_.eprocess.active_threads;
  memory_.put(count, memory_.get<std::uint32_t>(count) + 1);
  return thread;
}

void KernelObjects::queue_capture(Thread& thread) {
  thread.apc_context = pool(layout_.context_size, 16);
  const std::uint64_t word = layout_.pointer_size, request = pool(0x10), apc = pool(0x58);
  put_pointer(request, thread.apc_context);
  memory_.put<std::uint8_t>(apc, 0x12);  // ApcObject
  memory_.put(apc + 2, static_cast<std::uint8_t>(word == 8 ? 0x58 : 0x30));
  put_pointer(apc + 8, thread.ethread);
  put_pointer(apc + 8 + 3 * word, pointer(nt("DbgkLkmdApcRoutine")));
  put_pointer(apc + 8 + 7 * word, request);
  memory_.put<std::uint8_t>(apc + 8 + 9 * word + 2, 1);
  insert_tail(thread.ethread + layout_.kthread.apc_list_head, apc + 8 + word);
  memory_.put<std::uint8_t>(thread.ethread + layout_.kthread.kernel_apc_pending, 1);
}

std::uint64_t KernelObjects::user_object_attributes(const Thread& thread, const std::string& path) {
  const std::uint64_t here = thread.user_stack & ~0xfffull;
  const std::uint64_t name = here + 0x40, text = here + 0x60;
  for (std::size_t i = 0; i < path.size(); i++)
    memory_.put(text + 2 * i, static_cast<std::uint16_t>(path[i]));
  memory_.put(name, static_cast<std::uint16_t>(2 * path.size()));
  memory_.put(name + 2, static_cast<std::uint16_t>(2 * path.size()));
  const std::uint64_t word = layout_.pointer_size;
  put_pointer(name + word, text);
  memory_.put(here, static_cast<std::uint32_t>(6 * word));
  put_pointer(here + 2 * word, name);
  memory_.put<std::uint32_t>(here + 3 * word, 0x40);
  return here;
}

std::vector<StackSegment> KernelObjects::segments_of(const Thread& thread, std::uint64_t sp) const {
  const auto& k = layout_.kthread;
  std::vector<StackSegment> segments;
  StackSegment segment{pointer(thread.ethread + k.stack_base),
                       pointer(thread.ethread + k.stack_limit),
                       pointer(thread.ethread + k.initial_stack), sp};
  segments.push_back(segment);
  const std::uint64_t word = layout_.pointer_size;
  for (;;) {
    const std::uint64_t previous = segment.initial_stack + layout_.previous_segment;
    if (pointer(previous) == 0) return segments;
    segment = {pointer(previous), pointer(previous + word), pointer(previous + 3 * word),
               pointer(previous + 2 * word)};
    segments.push_back(segment);
  }
}

}  // namespace ntstack::world
