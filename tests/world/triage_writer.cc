#include "world/triage_writer.h"

#include <algorithm>
#include <cstring>

namespace ntstack::world {
namespace {

constexpr std::uint32_t header_size = 0x2000, triage_size = 0x80, driver_entry_size = 0x90,
                        kdbg_size = 0x380;

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
      : world_(world), memory_(world.memory()), layout_(world.layout()) {}

  std::uint32_t add_area(std::span<const std::uint8_t> bytes) {
    const std::uint32_t offset = file_.end();
    file_.put_bytes(offset, bytes);
    return offset;
  }
  std::uint32_t add_block(std::uint64_t address, std::span<const std::uint8_t> bytes) {
    const std::uint32_t offset = add_area(bytes);
    blocks_.push_back({address, offset, static_cast<std::uint32_t>(bytes.size())});
    return offset;
  }
  void triage(std::uint32_t field, std::uint32_t value) { file_.put(header_size + field, value); }

  void write_header(std::uint32_t bugcheck, std::span<const std::uint8_t> context);
  void write_drivers();
  void write_kdbg();
  void write_block_list();

  const KernelObjects& world_;
  const GuestMemory& memory_;
  const KernelLayout& layout_;
  FileBytes file_;
  std::vector<Block> blocks_;
};

// As NtSystemDebugControl(29) writes a process's threads.
class SnapWriter : Writer {
 public:
  SnapWriter(const KernelObjects& world, std::span<const ThreadTruth> threads)
      : Writer(world), threads_(threads) {}
  std::vector<std::uint8_t> write();

 private:
  const ThreadTruth& first_thread() const;
  void write_processors();
  void write_process();
  void write_thread(const ThreadTruth& thread, bool first);
  void write_status_list();

  std::span<const ThreadTruth> threads_;
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
  for (std::uint32_t i = 0; i < header_size; i += 4)
    file_.put(i, std::uint32_t{0x45474150});  // "PAGE": not set
  file_.put(0x4, std::uint32_t{0x34365544});  // "DU64"
  file_.put(0x8, std::uint32_t{0xf});
  file_.put(0xc, layout_.build);
  file_.put(0x10, memory_.get(world_.process() + layout_.eprocess.directory_table_base));
  file_.put(0x18, std::uint64_t{0xfffffa8000000000});
  file_.put(0x20, world_.nt("PsLoadedModuleList"));
  file_.put(0x28, world_.nt("PsActiveProcessHead"));
  file_.put(0x30, std::uint32_t{layout_.machine});
  file_.put(0x34, std::uint32_t{world_.processors()});
  file_.put(0x38, bugcheck);
  for (std::uint32_t i = 0; i < 4; i++) file_.put(0x40 + 8 * i, std::uint64_t{0});
  file_.put(0x80, world_.nt("KdDebuggerDataBlock"));
  file_.put_bytes(0x348, std::vector<std::uint8_t>(0xbb8));
  file_.put_bytes(0x348, context);
  file_.put_bytes(0xf00, std::vector<std::uint8_t>(0x98));
  file_.put(0xf98, std::uint32_t{4});
  file_.put(0xfa8, std::uint64_t{0x01d6f0a1c0ffee00});   // SystemTime: 2021-01-22
  file_.put(0x1030, std::uint64_t{0x000000a1b2c3d400});  // SystemUpTime
  file_.put(0x1038, std::uint32_t{0xcff});
  file_.put(0x1040, std::uint32_t{3});
  file_.put(0x1044, std::uint32_t{0x110});
  file_.put(0x1048, std::uint32_t{0});
  file_.put_bytes(header_size, std::vector<std::uint8_t>(triage_size));
  triage(0xc, 0x348);
  triage(0x10, 0xf00);
  triage(0x44, 0xffffffff);
}

// The strings come behind the entries: a count of letters, UTF-16 with a zero at its end.
void Writer::write_drivers() {
  const std::uint32_t list = file_.end();
  const auto images = world_.images();
  file_.put_bytes(list, std::vector<std::uint8_t>(driver_entry_size * images.size()));
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
    const std::uint32_t entry = list + driver_entry_size * i;
    file_.put(entry, name);
    file_.put(entry + 0x38, image.base);
    file_.put(entry + 0x40, image.base + image.entry_point);
    file_.put(entry + 0x48, image.size);
    file_.put(entry + 0x80, image.checksum);
    file_.put(entry + 0x88, image.timestamp);
  }
  triage(0x30, list);
  triage(0x34, static_cast<std::uint32_t>(images.size()));
  triage(0x38, pool);
  triage(0x3c, file_.end() - pool);
}

void Writer::write_kdbg() {
  const std::uint32_t k = file_.end();
  file_.put_bytes(k, std::vector<std::uint8_t>(kdbg_size));
  const std::uint64_t self = world_.nt("KdDebuggerDataBlock");
  file_.put(k, self);
  file_.put(k + 8, self);
  file_.put(k + 0x10, std::uint32_t{0x4742444b});  // "KDBG"
  file_.put(k + 0x14, kdbg_size);
  file_.put(k + 0x18, world_.images().front().base);
  file_.put(k + 0x48, world_.nt("PsLoadedModuleList"));
  file_.put(k + 0x50, world_.nt("PsActiveProcessHead"));
  file_.put(k + 0x60, world_.nt("ExpSystemResourcesList"));
  file_.put(k + 0x138, std::uint64_t{0x1000});
  file_.put(k + 0x218, world_.nt("KiProcessorBlock"));
  file_.put(k + 0x220, world_.nt("MmUnloadedDrivers"));
  file_.put(k + 0x228, world_.nt("MmLastUnloadedDriver"));
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
    file_.put(k + field, static_cast<std::uint16_t>(value));
  file_.put(k + 0x360, layout_.page_tables);
  triage(0x70, k);
  triage(0x74, kdbg_size);
}

void SnapWriter::write_processors() {
  add_block(world_.nt("KiProcessorBlock"),
            memory_.read(world_.nt("KiProcessorBlock"), 8 * world_.processors()));
  for (unsigned i = 0; i < world_.processors(); i++) {
    auto prcb = memory_.read(world_.prcb(i), layout_.prcb.size);
    if (i == 0) patch(prcb, layout_.prcb.current_thread, first_thread().ethread);
    const std::uint32_t offset = add_block(world_.prcb(i), prcb);
    if (i == 0) triage(0x1c, offset);
  }
}

void SnapWriter::write_process() {
  triage(0x20, add_block(world_.process(), memory_.read(world_.process(), layout_.eprocess.size)));
}

// The ETHREAD, then what is in use of each of its stacks. A thread that was asked by an APC gets a
// KSWITCH_FRAME below the stack pointer of its context and a state that no thread has: only the
// first one's context is in the header.
void SnapWriter::write_thread(const ThreadTruth& thread, bool first) {
  const bool forged = !first && thread.capture == Capture::apc;
  const auto& frame = layout_.switch_frame;
  const std::uint64_t sp = thread.frames.front().child_sp;
  auto object = memory_.read(thread.ethread, layout_.ethread.size);
  if (forged) {
    patch(object, layout_.kthread.kernel_stack, sp - frame.size);
    patch(object, layout_.kthread.state, std::uint8_t{0xff});
  }
  const std::uint32_t offset = add_block(thread.ethread, object);
  if (first) triage(0x24, offset);
  for (const StackSegment& segment : thread.segments) {
    const bool current = &segment == &thread.segments.front();
    const std::uint64_t from = current && forged ? sp - frame.size : segment.used_from;
    auto bytes = memory_.read(from, segment.base - from);
    if (current && forged) {
      std::fill_n(bytes.begin(), frame.size, std::uint8_t{0});
      patch(bytes, frame.frame_pointer, thread.frames.front().frame_pointer);
      patch(bytes, frame.return_address, thread.frames.front().ip);
    }
    const std::uint32_t stack = add_block(from, bytes);
    if (!first || !current) continue;
    triage(0x28, stack);
    triage(0x2c, static_cast<std::uint32_t>(bytes.size()));
    file_.put(header_size + 0x48, from);
  }
}

// An array of statuses with its mark, a record that names it, and the kernel variable that names
// that.
void SnapWriter::write_status_list() {
  constexpr std::uint64_t list = 0xfffff8a00d2f1c40, record = 0xfffff8a00d2f1be0;
  std::vector<std::uint8_t> statuses(4 * threads_.size() + 4), head(16), variable(8);
  for (std::size_t i = 0; i < threads_.size(); i++) patch(statuses, 4 * i, threads_[i].status);
  patch(statuses, 4 * threads_.size(), std::uint32_t{0x42534354});  // "TCSB"
  patch(head, 0, static_cast<std::uint32_t>(threads_.size()));
  patch(head, 8, list);
  patch(variable, 0, record);
  add_block(list, statuses);
  add_block(record, head);
  add_block(world_.nt("DbgkpLkmdLiveDumpDiagnosticInformation"), variable);
}

void Writer::write_block_list() {
  const std::uint32_t list = file_.end();
  for (std::uint32_t i = 0; i < blocks_.size(); i++) {
    const Block& block = blocks_[i];
    file_.put(list + 16 * i, block.address);
    file_.put(list + 16 * i + 8, block.offset);
    file_.put(list + 16 * i + 12, block.size);
  }
  triage(0x78, list);
  triage(0x7c, static_cast<std::uint32_t>(blocks_.size()));
  const std::uint32_t valid = file_.end();
  file_.put(valid, std::uint32_t{0x44475254});  // "TRGD"
  triage(0x4, valid + 4);
  triage(0x8, valid);
  file_.put(0xfa0, std::uint64_t{valid} + 4);
}

const ThreadTruth& SnapWriter::first_thread() const {
  return *std::ranges::find_if(threads_,
                               [](const auto& thread) { return thread.capture != Capture::none; });
}

std::vector<std::uint8_t> SnapWriter::write() {
  write_header(0x69696969, first_thread().context);
  file_.put(0x1050, std::uint32_t{0x10});  // made by the live dump
  write_drivers();
  write_kdbg();
  write_processors();
  write_process();
  bool first = true;
  for (const ThreadTruth& thread : threads_) {
    if (thread.capture == Capture::none) continue;
    write_thread(thread, first);
    first = false;
  }
  write_status_list();
  std::ranges::reverse(blocks_);
  write_block_list();
  return file_.take();
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
  file_.put(header_size + 0x48, stack.used_from);
}

// A count, then for each a UNICODE_STRING, twelve letters, the addresses where it was.
void CrashWriter::write_unloaded_drivers() {
  constexpr std::string_view name = "rdpdr.sys";
  std::vector<std::uint8_t> list(8 + 0x38);
  patch(list, 0, std::uint64_t{1});
  patch(list, 8, static_cast<std::uint16_t>(2 * name.size()));
  patch(list, 10, static_cast<std::uint16_t>(2 * name.size()));
  for (std::size_t i = 0; i < name.size(); i++)
    patch(list, 0x18 + 2 * i, static_cast<std::uint16_t>(name[i]));
  patch(list, 0x30, std::uint64_t{0xfffff88004e00000});
  patch(list, 0x38, std::uint64_t{0xfffff88004e2f000});
  triage(0x18, add_area(list));
}

// The KPRCB, the CONTEXT that it points at, and each stack as far as it is in use. Thread objects
// of other processors are in no dump of this kind that was seen.
void CrashWriter::write_processor(const ThreadTruth& thread) {
  const std::uint64_t prcb = world_.prcb(*thread.processor);
  add_block(prcb, memory_.read(prcb, layout_.prcb.size));
  auto context = thread.context;
  if (&thread != &crashed()) context.resize(layout_.context_allocation);
  add_block(memory_.get(prcb + layout_.prcb.context), context);
  for (const StackSegment& segment : thread.segments) {
    add_block(segment.used_from, memory_.read(segment.used_from, segment.base - segment.used_from));
  }
}

std::vector<std::uint8_t> CrashWriter::write() {
  write_header(crash_.bugcheck, crashed().context);
  for (std::size_t i = 0; i < 4; i++) file_.put(0x40 + 8 * i, crash_.parameters[i]);
  file_.put(0xf00, std::uint32_t{0x80000003});  // as in real ones, whatever it was
  file_.put(0xf10, crashed().frames.front().ip);
  write_unloaded_drivers();
  write_crashed();
  write_kdbg();
  write_drivers();
  for (const ThreadTruth& thread : crash_.threads) write_processor(thread);
  const std::uint64_t list = world_.nt("KiProcessorBlock");
  add_block(list, memory_.read(list, 8 * world_.processors()));
  write_block_list();
  return file_.take();
}

}  // namespace

std::vector<std::uint8_t> write_triage_dump(const KernelObjects& world,
                                            std::span<const ThreadTruth> threads) {
  return SnapWriter(world, threads).write();
}

std::vector<std::uint8_t> write_crash_dump(const KernelObjects& world, const Crash& crash) {
  return CrashWriter(world, crash).write();
}

}  // namespace ntstack::world
