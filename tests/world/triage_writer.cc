#include "world/triage_writer.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>

namespace ntstack::world {
namespace {

// Where DUMP_HEADER32 and DUMP_HEADER64 and what follows them keep their fields.
struct Container {
  std::uint32_t header_size, valid_dump;
  std::uint32_t directory_table_base, pfn_data_base, module_list, process_head, machine, processors,
      bugcheck, parameters, kdbg, context, context_room, exception, exception_size,
      exception_address, dump_type, required_space, system_time, system_up_time, mini_dump_fields,
      product_type, suite_mask, writer_status;
  // TRIAGE_DUMP
  std::uint32_t triage_size, debugger_data, data_blocks;
  // A driver: the offset of its name, then KLDR_DATA_TABLE_ENTRY.
  std::uint32_t driver_size, driver_base, driver_entry_point, driver_image_size, driver_checksum,
      driver_timestamp;
  // An unloaded driver, behind a count: UNICODE_STRING, its letters, start, end.
  std::uint32_t unloaded_size, unloaded_letters, unloaded_begin;
};
constexpr Container container64 = {
    0x2000, 0x34365544, 0x10, 0x18, 0x20,  0x28,  0x30,  0x34,   0x38,   0x40,   0x80,   0x348,
    0xbb8,  0xf00,      0x98, 0x10, 0xf98, 0xfa0, 0xfa8, 0x1030, 0x1038, 0x1040, 0x1044, 0x1048,
    0x80,   0x70,       0x78, 0x90, 0x38,  0x40,  0x48,  0x80,   0x88,   0x38,   0x10,   0x28};
constexpr Container container32 = {
    0x1000, 0x504d5544, 0x10, 0x14, 0x18,  0x1c,  0x20,  0x24,  0x28,  0x2c,  0x60,  0x320,
    0x4b0,  0x7d0,      0x50, 0xc,  0xf88, 0xfa0, 0xfc0, 0xfb8, 0xf8c, 0xf94, 0xf98, 0xf9c,
    0x68,   0x58,       0x60, 0x4c, 0x1c,  0x20,  0x24,  0x44,  0x48,  0x28,  0x8,   0x20};
constexpr std::uint32_t pae_enabled = 0x5c;  // of DUMP_HEADER32

class FileBytes {
 public:
  template <class T>
  void put(std::size_t offset, T value) {
    if (offset + sizeof value > bytes_.size()) bytes_.resize(offset + sizeof value);
    std::memcpy(bytes_.data() + offset, &value, sizeof value);
  }
  void put_bytes(std::size_t offset, std::span<const std::uint8_t> bytes) {
    if (offset + bytes.size() > bytes_.size()) bytes_.resize(offset + bytes.size());
    std::ranges::copy(bytes, bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  // Where the next thing goes, 8-byte aligned.
  std::uint32_t end() {
    bytes_.resize((bytes_.size() + 7) & ~std::size_t{7});
    return static_cast<std::uint32_t>(bytes_.size());
  }
  std::vector<std::uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<std::uint8_t> bytes_;
};

template <class T>
void patch(std::vector<std::uint8_t>& bytes, std::size_t offset, T value) {
  std::memcpy(bytes.data() + offset, &value, sizeof value);
}

struct Block {
  std::uint64_t address;
  std::uint32_t offset;
  std::uint32_t size;
};

// What both kinds of dump have.
class Writer {
 protected:
  explicit Writer(const KernelObjects& world)
      : world_(world),
        memory_(world.memory()),
        layout_(world.layout()),
        wide_(layout_.pointer_size == 8),
        at_(wide_ ? container64 : container32) {}

  // An address, in the width of the machine's.
  void put_address(std::size_t offset, std::uint64_t value) {
    if (wide_)
      file_.put(offset, value);
    else
      file_.put(offset, static_cast<std::uint32_t>(value));
  }
  void patch_address(std::vector<std::uint8_t>& bytes, std::size_t offset, std::uint64_t value) {
    if (wide_)
      patch(bytes, offset, value);
    else
      patch(bytes, offset, static_cast<std::uint32_t>(value));
  }
  // KDDEBUGGER_DATA64 has 32-bit addresses sign-extended.
  std::uint64_t extended(std::uint64_t address) const {
    const auto narrow = static_cast<std::int32_t>(static_cast<std::uint32_t>(address));
    return wide_ ? address : static_cast<std::uint64_t>(std::int64_t{narrow});
  }

  std::uint32_t add_area(std::span<const std::uint8_t> bytes) {
    const std::uint32_t offset = file_.end();
    file_.put_bytes(offset, bytes);
    return offset;
  }
  // Nothing where there is no room.
  std::optional<std::uint32_t> try_block(std::uint64_t address,
                                         std::span<const std::uint8_t> bytes) {
    constexpr std::size_t descriptor = 16, end_mark = 8;
    const std::size_t size = (bytes.size() + 7) & ~std::size_t{7};
    const std::size_t used = file_.end() + descriptor * (blocks_.size() + 1) + end_mark;
    if (used > room_ || size > room_ - used) return std::nullopt;
    return add_block(address, bytes);
  }
  std::uint32_t add_block(std::uint64_t address, std::span<const std::uint8_t> bytes) {
    const std::uint32_t offset = add_area(bytes);
    blocks_.push_back({address, offset, static_cast<std::uint32_t>(bytes.size())});
    return offset;
  }
  void triage(std::uint32_t field, std::uint32_t value) {
    file_.put(at_.header_size + field, value);
  }
  void triage_stack(std::uint64_t top) { put_address(at_.header_size + 0x48, top); }

  void write_header(std::uint32_t bugcheck, std::span<const std::uint8_t> context);
  void write_drivers();
  void write_kdbg();
  void write_block_list();

  const KernelObjects& world_;
  const GuestMemory& memory_;
  const KernelLayout& layout_;
  bool wide_;
  const Container& at_;
  FileBytes file_;
  std::vector<Block> blocks_;
  std::size_t room_ = SIZE_MAX;
  std::uint32_t more_drivers_ = 0;
  std::uint64_t time_ = SnapRules().time, up_time_ = SnapRules().up_time;
};

// As NtSystemDebugControl(29) writes a process's threads.
class SnapWriter : Writer {
 public:
  SnapWriter(const KernelObjects& world, std::span<const ThreadTruth> threads,
             const SnapRules& rules)
      : Writer(world), threads_(threads), rules_(rules) {
    room_ = rules.room;
    more_drivers_ = rules.more_drivers;
    time_ = rules.time;
    up_time_ = rules.up_time;
  }
  TriageDump write();

 private:
  const ThreadTruth* first_thread() const;
  std::uint64_t process() const;
  void write_processors();
  void write_process();
  void write_threads();
  bool write_thread(const ThreadTruth& thread, bool first);
  void write_indirect(const ThreadTruth& thread);
  void write_status_list();

  std::span<const ThreadTruth> threads_;
  SnapRules rules_;
  TriageDump dump_;
};

// As the kernel writes all processors at a bugcheck.
class CrashWriter : Writer {
 public:
  CrashWriter(const KernelObjects& world, const Crash& crash) : Writer(world), crash_(crash) {}
  std::vector<std::uint8_t> write();

 private:
  const ThreadTruth& crashed() const { return crash_.threads[crash_.crashed]; }
  void write_crashed();
  void write_unloaded_drivers();
  void write_processor(const ThreadTruth& thread);

  const Crash& crash_;
};

void Writer::write_header(std::uint32_t bugcheck, std::span<const std::uint8_t> context) {
  for (std::uint32_t i = 0; i < at_.header_size; i += 4)
    file_.put(i, std::uint32_t{0x45474150});  // "PAGE": not set
  file_.put(0x4, at_.valid_dump);
  file_.put(0x8, std::uint32_t{0xf});
  file_.put(0xc, layout_.build);
  put_address(at_.directory_table_base,
              world_.pointer(world_.process() + layout_.eprocess.directory_table_base));
  put_address(at_.pfn_data_base, wide_ ? 0xfffffa8000000000 : 0x83c00000);
  put_address(at_.module_list, world_.nt("PsLoadedModuleList"));
  put_address(at_.process_head, world_.nt("PsActiveProcessHead"));
  file_.put(at_.machine, std::uint32_t{layout_.machine});
  file_.put(at_.processors, std::uint32_t{world_.processors()});
  file_.put(at_.bugcheck, bugcheck);
  for (std::uint32_t i = 0; i < 4; i++) put_address(at_.parameters + layout_.pointer_size * i, 0);
  if (!wide_) file_.put(pae_enabled, static_cast<std::uint8_t>(layout_.has_pae));
  put_address(at_.kdbg, world_.nt("KdDebuggerDataBlock"));
  file_.put_bytes(at_.context, std::vector<std::uint8_t>(at_.context_room));
  file_.put_bytes(at_.context, context);
  file_.put_bytes(at_.exception, std::vector<std::uint8_t>(at_.exception_size));
  file_.put(at_.dump_type, std::uint32_t{4});
  file_.put(at_.system_time, time_);
  file_.put(at_.system_up_time, up_time_);
  file_.put(at_.mini_dump_fields, std::uint32_t{0xcff});
  file_.put(at_.product_type, std::uint32_t{3});
  file_.put(at_.suite_mask, std::uint32_t{0x110});
  file_.put(at_.writer_status, std::uint32_t{0});
  file_.put_bytes(at_.header_size, std::vector<std::uint8_t>(at_.triage_size));
  triage(0xc, at_.context);
  triage(0x10, at_.exception);
  triage(0x44, 0xffffffff);
}

// The strings come behind the entries: a count of letters, UTF-16 with a zero at its end.
void Writer::write_drivers() {
  const std::uint32_t list = file_.end();
  std::vector<LoadedImage> images(world_.images().begin(), world_.images().end());
  for (std::uint32_t i = 0; i < more_drivers_; i++) {
    LoadedImage image;
    image.file_name = "driver" + std::to_string(i) + ".sys";
    image.base = layout_.page_tables - 0x100000000 + 0x100000ull * i;
    image.size = 0x20000;
    image.timestamp = 0x5e000000 + i;
    images.push_back(image);
  }
  file_.put_bytes(list, std::vector<std::uint8_t>(at_.driver_size * images.size()));
  const std::uint32_t pool = file_.end();
  for (std::uint32_t i = 0; i < images.size(); i++) {
    const LoadedImage& image = images[i];
    const bool is_nt = image.file_name == "ntoskrnl.exe";
    const std::string path =
        (is_nt ? "\\SystemRoot\\system32\\" : "\\SystemRoot\\System32\\drivers\\") +
        image.file_name;
    const std::uint32_t name = file_.end();
    file_.put(name, static_cast<std::uint32_t>(path.size()));
    for (std::uint32_t k = 0; k < path.size(); k++)
      file_.put(name + 4 + 2 * k, std::uint16_t{static_cast<std::uint8_t>(path[k])});
    file_.put(name + 4 + 2 * path.size(), std::uint16_t{0});
    const std::uint32_t entry = list + at_.driver_size * i;
    file_.put(entry, name);
    put_address(entry + at_.driver_base, image.base);
    put_address(entry + at_.driver_entry_point, image.base + image.entry_point);
    file_.put(entry + at_.driver_image_size, image.size);
    file_.put(entry + at_.driver_checksum, image.checksum);
    file_.put(entry + at_.driver_timestamp, image.timestamp);
  }
  triage(0x30, list);
  triage(0x34, static_cast<std::uint32_t>(images.size()));
  triage(0x38, pool);
  triage(0x3c, file_.end() - pool);
}

void Writer::write_kdbg() {
  // Up to Windows 7 it ends before the offsets of stacks.
  const std::uint32_t size = layout_.build < 9200 ? 0x340 : 0x380;
  const std::uint32_t k = file_.end();
  file_.put_bytes(k, std::vector<std::uint8_t>(size));
  const auto put_variable = [&](std::uint32_t field, const char* name) {
    file_.put(k + field, extended(world_.nt(name)));
  };
  put_variable(0, "KdDebuggerDataBlock");
  put_variable(8, "KdDebuggerDataBlock");
  file_.put(k + 0x10, std::uint32_t{0x4742444b});  // "KDBG"
  file_.put(k + 0x14, size);
  file_.put(k + 0x18, extended(world_.images().front().base));
  put_variable(0x48, "PsLoadedModuleList");
  put_variable(0x50, "PsActiveProcessHead");
  put_variable(0x60, "ExpSystemResourcesList");
  file_.put(k + 0x138, std::uint64_t{0x1000});
  put_variable(0x218, "KiProcessorBlock");
  put_variable(0x220, "MmUnloadedDrivers");
  put_variable(0x228, "MmLastUnloadedDriver");
  const auto& t = layout_.kthread;
  const auto& p = layout_.prcb;
  const std::pair<std::uint32_t, std::uint32_t> offsets[] = {
      {0x298, t.next_processor},
      {0x29a, t.teb},
      {0x29c, t.kernel_stack},
      {0x29e, t.initial_stack},
      {0x2a0, t.apc_process},
      {0x2a2, t.state},
      {0x2a8, layout_.eprocess.size},
      {0x2aa, layout_.eprocess.peb},
      {0x2ac, layout_.eprocess.inherited_from},
      {0x2ae, layout_.eprocess.directory_table_base},
      {0x2b0, p.size},
      {0x2b2, p.dpc_routine_active},
      {0x2b4, p.current_thread},
      {0x2bc, p.processor_state + p.context_frame_in_processor_state},
      {0x2be, p.number},
      {0x2c0, layout_.ethread.size},
      {0x2e0, layout_.pcr_size},
      {0x2e2, layout_.pcr.self},
      {0x2e4, layout_.pcr.current_prcb},
      {0x2e6, layout_.pcr.prcb},
      {0x2f2, p.processor_state},
      {0x2f4, layout_.ring0_code_selector},
      {0x338, p.context},
      {0x340, t.stack_limit},
      {0x344, t.stack_base},
      {0x348, t.queue_list_entry},
      {0x34c, layout_.ethread.irp_list},
      {0x350, p.idle_thread},
      {0x352, p.normal_dpc_state},
      {0x354, p.dpc_stack},
      {0x356, p.isr_stack},
      {0x358, layout_.dpc_stack_frame_size},
      {0x35c, t.wait_reason}};
  for (const auto& [field, value] : offsets)
    if (field < size) file_.put(k + field, static_cast<std::uint16_t>(value));
  if (size > 0x360) file_.put(k + 0x360, extended(layout_.page_tables));
  triage(at_.debugger_data, k);
  triage(at_.debugger_data + 4, size);
}

void SnapWriter::write_processors() {
  add_block(
      world_.nt("KiProcessorBlock"),
      memory_.read(world_.nt("KiProcessorBlock"), layout_.pointer_size * world_.processors()));
  for (unsigned i = 0; i < world_.processors(); i++) {
    auto prcb = memory_.read(world_.prcb(i), layout_.prcb.size);
    if (i == 0 && first_thread())
      patch_address(prcb, layout_.prcb.current_thread, first_thread()->ethread);
    const auto offset = try_block(world_.prcb(i), prcb);
    if (i == 0 && offset) triage(0x1c, *offset);
  }
}

void SnapWriter::write_process() {
  const std::uint64_t address = process();
  if (const auto offset = try_block(address, memory_.read(address, layout_.eprocess.size)))
    triage(0x20, *offset);
}

// The ETHREAD, then what is in use of each of its stacks. A thread that was asked by an APC gets a
// KSWITCH_FRAME below the stack pointer of its context and a state that no thread has: only the
// first one's context is in the header. False where the object found no room.
bool SnapWriter::write_thread(const ThreadTruth& thread, bool first) {
  const bool forged = !first && thread.capture == Capture::apc;
  const auto& frame = layout_.switch_frame;
  const std::uint64_t sp = thread.frames.front().child_sp;
  auto object = memory_.read(thread.ethread, layout_.ethread.size);
  if (forged) {
    patch_address(object, layout_.kthread.kernel_stack, sp - frame.size);
    patch(object, layout_.kthread.state, std::uint8_t{0xff});
  }
  const auto offset = try_block(thread.ethread, object);
  dump_.has_object.push_back(offset.has_value());
  dump_.has_stack.push_back(false);
  if (!offset) return false;
  if (first) triage(0x24, *offset);
  for (const StackSegment& segment : thread.segments) {
    const bool current = &segment == &thread.segments.front();
    const std::uint64_t from = current && forged ? sp - frame.size : segment.used_from;
    auto bytes = memory_.read(from, segment.base - from);
    if (current && forged) {
      std::fill_n(bytes.begin(), frame.size, std::uint8_t{0});
      patch_address(bytes, frame.frame_pointer, thread.frames.front().frame_pointer);
      patch_address(bytes, frame.return_address, thread.frames.front().ip);
    }
    const auto stack = try_block(from, bytes);
    if (!stack || !current) continue;
    dump_.has_stack.back() = true;
    if (!first) continue;
    triage(0x28, *stack);
    triage(0x2c, static_cast<std::uint32_t>(bytes.size()));
    triage_stack(from);
  }
  write_indirect(thread);
  return true;
}

// An IRP and what it leads to, in pool memory of the thread's own. It has what could be taken for a
// thread: a type of 6 (an IRP's too), the size of a thread object, pointers to thread and process.
void SnapWriter::write_indirect(const ThreadTruth& thread) {
  if (rules_.indirect == 0) return;
  const std::uint64_t address = layout_.pool + 0x40000000 + 16 * (thread.ethread - layout_.pool);
  const std::uint64_t process = world_.pointer(thread.ethread + layout_.kthread.process);
  std::vector<std::uint8_t> irp(layout_.ethread.size), objects(rules_.indirect);
  for (std::vector<std::uint8_t>* bytes : {&irp, &objects}) {
    for (std::size_t i = 0; i + 8 <= bytes->size(); i += 8)
      patch(*bytes, i, i % 0x40 == 0x20 ? process : thread.ethread + i);
    patch(*bytes, 0, std::uint32_t{0x02d00006});
  }
  try_block(address, irp);
  try_block(address + irp.size() + 0x10, objects);
}

void SnapWriter::write_threads() {
  constexpr std::uint32_t no_resources = 0xc000009a, unsuccessful = 0xc0000001,
                          access_denied = 0xc0000022;  // known before anything is tried
  bool first = true, full = false;
  for (const ThreadTruth& thread : threads_) {
    dump_.statuses.push_back(thread.status);
    if (thread.capture == Capture::none || full) {
      if (full && thread.status != access_denied) dump_.statuses.back() = unsuccessful;
      dump_.has_object.push_back(false);
      dump_.has_stack.push_back(false);
      continue;
    }
    full = !write_thread(thread, first);
    if (full) dump_.statuses.back() = no_resources;
    first = false;
  }
}

// An array of statuses with its mark, a record that names it, and the kernel variable that names
// that.
void SnapWriter::write_status_list() {
  const std::uint64_t list = wide_ ? 0xfffff8a00d2f1c40 : 0x9d2f1c40, record = list - 0x60;
  std::vector<std::uint8_t> statuses(4 * threads_.size() + 4), head(2 * layout_.pointer_size),
      variable(layout_.pointer_size);
  for (std::size_t i = 0; i < threads_.size(); i++) patch(statuses, 4 * i, dump_.statuses[i]);
  patch(statuses, 4 * threads_.size(), std::uint32_t{0x42534354});  // "TCSB"
  patch(head, 0, static_cast<std::uint32_t>(threads_.size()));
  patch_address(head, layout_.pointer_size, list);
  patch_address(variable, 0, record);
  for (const auto& [address, bytes] :
       {std::pair(list, statuses), std::pair(record, head),
        std::pair(world_.nt("DbgkpLkmdLiveDumpDiagnosticInformation"), variable)})
    dump_.has_list &= try_block(address, bytes).has_value();
}

void Writer::write_block_list() {
  const std::uint32_t list = file_.end();
  for (std::uint32_t i = 0; i < blocks_.size(); i++) {
    const Block& block = blocks_[i];
    const std::uint32_t entry = list + (layout_.pointer_size + 8) * i;
    put_address(entry, block.address);
    file_.put(entry + layout_.pointer_size, block.offset);
    file_.put(entry + layout_.pointer_size + 4, block.size);
  }
  triage(at_.data_blocks, list);
  triage(at_.data_blocks + 4, static_cast<std::uint32_t>(blocks_.size()));
  const std::uint32_t valid = file_.end();
  file_.put(valid, std::uint32_t{0x44475254});  // "TRGD"
  triage(0x4, valid + 4);
  triage(0x8, valid);
  file_.put(at_.required_space, std::uint64_t{valid} + 4);
}

// Null where no thread answered.
const ThreadTruth* SnapWriter::first_thread() const {
  const auto found = std::ranges::find_if(
      threads_, [](const auto& thread) { return thread.capture != Capture::none; });
  return found == threads_.end() ? nullptr : &*found;
}

std::uint64_t SnapWriter::process() const {
  if (!first_thread()) return world_.process();
  return world_.pointer(first_thread()->ethread + layout_.kthread.process);
}

TriageDump SnapWriter::write() {
  write_header(0x69696969, first_thread() ? first_thread()->context : std::vector<std::uint8_t>());
  if (wide_) file_.put(0x1050, std::uint32_t{0x10});  // made by the live dump
  write_drivers();
  write_kdbg();
  write_processors();
  write_process();
  write_threads();
  dump_.has_list = rules_.writes_list;
  if (rules_.writes_list) write_status_list();
  std::ranges::reverse(blocks_);
  write_block_list();
  dump_.bytes = file_.take();
  return std::move(dump_);
}

// What the crashing processor was doing lies in areas of its own, with no address but the stack's.
void CrashWriter::write_crashed() {
  const unsigned processor = crash_.crashed;
  const StackSegment& stack = crashed().segments.front();
  triage(0x1c, add_area(memory_.read(world_.prcb(processor), layout_.prcb.size)));
  triage(0x20, add_area(memory_.read(world_.process(), layout_.eprocess.size)));
  triage(0x24, add_area(memory_.read(crashed().ethread, layout_.ethread.size)));
  const std::uint64_t size = stack.base - stack.used_from;
  triage(0x28, add_area(memory_.read(stack.used_from, size)));
  triage(0x2c, static_cast<std::uint32_t>(size));
  triage_stack(stack.used_from);
}

// A count, then for each a UNICODE_STRING, twelve letters, the addresses where it was.
void CrashWriter::write_unloaded_drivers() {
  constexpr std::string_view name = "rdpdr.sys";
  const std::uint32_t head = layout_.pointer_size;
  std::vector<std::uint8_t> list(head + at_.unloaded_size);
  patch_address(list, 0, 1);
  patch(list, head, static_cast<std::uint16_t>(2 * name.size()));
  patch(list, head + 2, static_cast<std::uint16_t>(2 * name.size()));
  for (std::size_t i = 0; i < name.size(); i++)
    patch(list, head + at_.unloaded_letters + 2 * i, static_cast<std::uint16_t>(name[i]));
  const std::uint64_t begin = wide_ ? 0xfffff88004e00000 : 0x94e00000;
  patch_address(list, head + at_.unloaded_begin, begin);
  patch_address(list, head + at_.unloaded_begin + layout_.pointer_size, begin + 0x2f000);
  triage(0x18, add_area(list));
}

// The KPRCB, the CONTEXT that it points at, and each stack as far as it is in use. Thread objects
// of other processors are in no dump of this kind that was seen.
void CrashWriter::write_processor(const ThreadTruth& thread) {
  const std::uint64_t prcb = world_.prcb(*thread.processor);
  add_block(prcb, memory_.read(prcb, layout_.prcb.size));
  auto context = thread.context;
  if (&thread != &crashed()) context.resize(layout_.context_allocation);
  add_block(world_.pointer(prcb + layout_.prcb.context), context);
  for (const StackSegment& segment : thread.segments) {
    add_block(segment.used_from, memory_.read(segment.used_from, segment.base - segment.used_from));
  }
}

std::vector<std::uint8_t> CrashWriter::write() {
  write_header(crash_.bugcheck, crashed().context);
  for (std::size_t i = 0; i < 4; i++)
    put_address(at_.parameters + layout_.pointer_size * i, crash_.parameters[i]);
  file_.put(at_.exception, std::uint32_t{0x80000003});  // as in real ones, whatever it was
  put_address(at_.exception + at_.exception_address, crashed().frames.front().ip);
  write_unloaded_drivers();
  write_crashed();
  write_kdbg();
  write_drivers();
  for (const ThreadTruth& thread : crash_.threads) write_processor(thread);
  const std::uint64_t list = world_.nt("KiProcessorBlock");
  add_block(list, memory_.read(list, layout_.pointer_size * world_.processors()));
  for (const Crash::Memory& each : crash_.more)
    add_block(each.address, memory_.read(each.address, each.size));
  write_block_list();
  return file_.take();
}

}  // namespace

std::vector<std::uint8_t> write_triage_dump(const KernelObjects& world,
                                            std::span<const ThreadTruth> threads) {
  return SnapWriter(world, threads, {}).write().bytes;
}

TriageDump snap_threads(const KernelObjects& world, std::span<const ThreadTruth> request,
                        const SnapRules& rules) {
  return SnapWriter(world, request, rules).write();
}

std::vector<std::uint8_t> write_crash_dump(const KernelObjects& world, const Crash& crash) {
  return CrashWriter(world, crash).write();
}

}  // namespace ntstack::world
