#include "capture/triage_result.h"

#include <algorithm>
#include <unordered_map>

#include "dump/dump.h"
#include "target/kernel/kernel.h"
#include "target/machine.h"

namespace ntstack::capture {
namespace {

using Block = dump::TriageRecords::DataBlock;
using target::Capture;

constexpr std::size_t kEndMark = 8;          // "TRGD", aligned
constexpr std::size_t kUsualBlock = 0x2000;  // an IRP, a driver's, file or device object is smaller
constexpr std::size_t kLeastObject = 0x100;  // bytes of an ETHREAD

std::size_t descriptor_size(bool is_64_bit) { return is_64_bit ? 16 : 12; }
std::size_t cost(std::size_t bytes, bool is_64_bit) {
  return (bytes + 7) / 8 * 8 + descriptor_size(is_64_bit);
}

class Reader {
 public:
  Reader(const target::Machine& machine, std::size_t file_size, std::size_t room)
      : machine_(machine), triage_(*machine.dump().triage), file_size_(file_size), room_(room) {
    for (const Block& block : triage_.data_blocks) blocks_.push_back(&block);
    std::ranges::stable_sort(blocks_, {}, &Block::file_offset);
  }

  TriageContents read(std::span<const AskedThread> asked) {
    contents_.threads.resize(asked.size());
    contents_.left = room_ > file_size_ ? room_ - file_size_ : 0;
    read_statuses();
    find_objects(asked);
    measure_processors();
    measure_threads();
    find_cut_threads();
    conclude();
    return std::move(contents_);
  }

 private:
  void read_statuses();
  void find_objects(std::span<const AskedThread> asked);
  void find_unknown_objects(std::span<const AskedThread> asked);
  void take_unknown(std::size_t index, std::uint64_t address);
  void take_object(std::size_t index, const target::Thread& thread);
  std::optional<std::uint64_t> stack_pointer(const target::Thread& thread) const;
  StackBytes stack_bytes(const target::Thread& thread) const;
  std::size_t needs(const target::Thread& thread) const;
  void measure_processors();
  void measure_threads();
  void find_cut_threads();
  void conclude();

  const target::Machine& machine_;
  const dump::TriageRecords& triage_;
  std::size_t file_size_, room_;
  std::vector<const Block*> blocks_;                           // by their place in the file
  std::unordered_map<std::uint64_t, std::size_t> by_address_;  // index of the thread asked for
  TriageContents contents_;
};

void Reader::read_statuses() {
  const std::vector<std::uint32_t> statuses = target::read_capture_statuses(triage_);
  if (statuses.size() != contents_.threads.size() || statuses.empty()) return;
  contents_.has_list = true;
  const std::vector<Capture> captures = target::captures_of(statuses);
  // Without one that found no room the kernel came to all: one that is told as not tried refused.
  const bool stopped = std::ranges::find(captures, Capture::did_not_fit) != captures.end();
  for (std::size_t i = 0; i < statuses.size(); ++i) {
    contents_.threads[i].status = statuses[i];
    contents_.threads[i].capture =
        captures[i] == Capture::not_attempted && !stopped ? Capture::gone : captures[i];
  }
}

// The address that the system told names a thread best; then the ID in the object.
void Reader::find_objects(std::span<const AskedThread> asked) {
  std::unordered_map<std::uint64_t, std::size_t> addresses, ids;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (asked[i].object != 0) addresses.emplace(asked[i].object, i);
    ids.emplace(asked[i].id, i);
  }
  for (const target::Thread& thread : machine_.threads()) {
    if (!thread.object_present) continue;
    auto found = addresses.find(thread.address);
    if (found == addresses.end() && thread.id) {
      found = ids.find(*thread.id);
      if (found == ids.end() || asked[found->second].object != 0) continue;
    } else if (found == addresses.end()) {
      continue;
    }
    take_object(found->second, thread);
  }
  find_unknown_objects(asked);
}

// Of a build whose structures are not known the objects are still blocks, all of one size.
void Reader::find_unknown_objects(std::span<const AskedThread> asked) {
  const std::size_t size = triage_.thread.size();
  std::unordered_map<std::uint64_t, std::size_t> addresses;
  std::vector<std::size_t> captured;
  for (std::size_t i = 0; i < asked.size(); ++i) {
    if (asked[i].object != 0) addresses.emplace(asked[i].object, i);
    if (contents_.threads[i].status == kSuccess) captured.push_back(i);
  }
  std::vector<std::uint64_t> objects;
  for (const Block* block : blocks_)
    if (size >= kLeastObject && block->bytes.size() == size) objects.push_back(block->address);
  const bool is_tied = objects.size() == captured.size();
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const auto found = addresses.find(objects[i]);
    if (found != addresses.end())
      take_unknown(found->second, objects[i]);
    else if (is_tied && asked[captured[i]].object == 0)
      take_unknown(captured[i], objects[i]);
  }
}

void Reader::take_unknown(std::size_t index, std::uint64_t address) {
  ThreadInDump& in_dump = contents_.threads[index];
  if (in_dump.object != 0 || !by_address_.emplace(address, index).second) return;
  in_dump.object = address;
  in_dump.stack = StackBytes::whole;
}

void Reader::take_object(std::size_t index, const target::Thread& thread) {
  ThreadInDump& in_dump = contents_.threads[index];
  if (in_dump.object != 0 || !by_address_.emplace(thread.address, index).second) return;
  in_dump.object = thread.address;
  in_dump.stack = stack_bytes(thread);
  in_dump.needs = needs(thread);
}

// The header's context for the dump's first thread, which has no forged switch frame.
std::optional<std::uint64_t> Reader::stack_pointer(const target::Thread& thread) const {
  if (thread.segments.empty()) return std::nullopt;
  const target::StackSegment& stack = thread.segments.front();
  const base::Bytes context = machine_.dump().context;
  std::uint64_t sp = 0;
  switch (machine_.dump().architecture) {
    case base::Architecture::x64:
      sp = context.get_or<std::uint64_t>(0x98, 0);
      break;
    case base::Architecture::arm64:
      sp = context.get_or<std::uint64_t>(0x100, 0);
      break;
    case base::Architecture::x86:
      sp = context.get_or<std::uint32_t>(0xc4, 0);
      break;
    case base::Architecture::unknown:
      break;
  }
  if (stack.contains(sp)) return sp;
  if (thread.kernel_stack && stack.contains(*thread.kernel_stack)) return thread.kernel_stack;
  return std::nullopt;
}

StackBytes Reader::stack_bytes(const target::Thread& thread) const {
  const base::ByteSource& memory = machine_.memory();
  const auto sp = stack_pointer(thread);
  if (!sp) return StackBytes::whole;
  if (!memory.get<std::uint8_t>(*sp)) return StackBytes::none;
  for (std::size_t i = 1; i < thread.segments.size(); ++i) {
    const auto& saved = thread.segments[i].saved_sp;
    if (saved && thread.segments[i].contains(*saved) && !memory.get<std::uint8_t>(*saved))
      return StackBytes::part;
  }
  return StackBytes::whole;
}

std::size_t Reader::needs(const target::Thread& thread) const {
  const bool wide = machine_.is_64_bit();
  const auto sp = stack_pointer(thread);
  if (!sp) return 0;
  std::size_t bytes = cost(triage_.thread.size(), wide) +
                      cost(static_cast<std::size_t>(thread.segments.front().base - *sp), wide);
  for (std::size_t i = 1; i < thread.segments.size(); ++i) {
    const target::StackSegment& older = thread.segments[i];
    if (older.saved_sp && older.contains(*older.saved_sp))
      bytes += cost(static_cast<std::size_t>(older.base - *older.saved_sp), wide);
  }
  return std::min(bytes, std::size_t{SIZE_MAX} / 2);
}

void Reader::measure_processors() {
  contents_.processor_bytes = triage_.prcb.size();
  for (const target::Processor& processor : machine_.processors())
    contents_.processors += processor.prcb != 0;
}

// Everything from one thread's object to the next one's is that thread's: stacks, pending I/O.
void Reader::measure_threads() {
  const std::size_t descriptor = descriptor_size(machine_.is_64_bit());
  std::size_t blocks_before = 0;
  std::uint64_t begin = 0, end = 0;
  ThreadInDump* current = nullptr;
  for (const Block* block : blocks_) {
    const auto found = by_address_.find(block->address);
    if (found != by_address_.end()) {
      if (current) current->bytes += static_cast<std::size_t>(block->file_offset - begin);
      if (!current) {
        const std::size_t used =
            static_cast<std::size_t>(block->file_offset) + descriptor * blocks_before + kEndMark;
        contents_.thread_room = room_ > used ? room_ - used : 0;
        contents_.first = found->second;
      }
      current = &contents_.threads[found->second];
      begin = block->file_offset;
    }
    if (current) current->bytes += descriptor;
    ++blocks_before;
    end = std::max<std::uint64_t>(end, block->file_offset + block->bytes.size());
  }
  if (current && end > begin) current->bytes += static_cast<std::size_t>(end - begin);
}

void Reader::find_cut_threads() {
  std::size_t room = contents_.thread_room;
  for (const Block* block : blocks_) {
    const auto found = by_address_.find(block->address);
    if (found == by_address_.end()) continue;
    ThreadInDump& thread = contents_.threads[found->second];
    room -= std::min(room, thread.bytes);
    thread.may_lack_io = room < kUsualBlock;
  }
}

// With the list, what it says holds as far as the bytes bear it out.
void Reader::conclude() {
  for (ThreadInDump& thread : contents_.threads) {
    const bool has_stack = thread.object != 0 && thread.stack != StackBytes::none;
    if (has_stack && (!thread.status || *thread.status == 0))
      thread.capture = Capture::captured;
    else if (thread.object != 0 && (!thread.status || *thread.status == 0))
      thread.capture = Capture::no_stack;
    else if (thread.capture == Capture::captured)
      thread.capture = Capture::did_not_fit;
  }
}

}  // namespace

bool TriageContents::is_full() const {
  return std::ranges::any_of(threads, [](const ThreadInDump& thread) {
    return thread.capture == Capture::did_not_fit || thread.capture == Capture::no_stack ||
           thread.capture == Capture::not_attempted || thread.stack == StackBytes::part;
  });
}

base::Result<TriageContents> read_triage_contents(base::Bytes dump,
                                                  std::span<const AskedThread> asked,
                                                  std::size_t room) {
  auto parsed = dump::parse(dump);
  if (!parsed)
    return base::with_context(std::move(parsed.error()),
                              "reading what Windows wrote as a triage dump");
  if (!parsed->triage) return base::fail("Windows wrote a dump that is no triage dump");
  target::Kernel kernel(*parsed);
  const target::Machine machine(kernel);
  return Reader(machine, dump.size(), room).read(asked);
}

}  // namespace ntstack::capture
