#include "dump/vmware.h"

#include <algorithm>
#include <functional>
#include <map>

#include "base/text.h"
#include "dump/cpu_context.h"
#include "dump/header.h"
#include "dump/records.h"
#include "dump/self_map.h"
#include "dump/vmware_tags.h"

namespace ntstack::dump {

namespace {

constexpr std::size_t most_regions = 1024;  // real machines have up to three
constexpr std::uint32_t most_processors = 2048;

// A stretch of the guest's memory: where it is there, and where in the file. All in pages.
struct Region {
  std::uint64_t guest = 0;
  std::uint64_t file = 0;
  std::uint64_t size = 0;
};

// A processor's registers as they come, tag by tag.
struct Processor {
  X86Registers registers;
  bool has_rip = false, has_rsp = false;
  std::map<std::uint32_t, std::uint64_t> control;
  std::optional<std::uint64_t> idt_base;
  std::uint64_t idt_parts = 0;
};

class StateReader {
 public:
  StateReader(base::Bytes state, base::Bytes memory) : state_(state), memory_(memory) {}
  base::Result<Dump> read();

 private:
  void take_memory_tag(const VmwareTag& tag);
  void take_processor_tag(const VmwareTag& tag);
  void take_control(Processor& processor, const VmwareTag& tag);
  void gather_memory();
  void gather_processors();

  base::Bytes state_, memory_;
  bool compressed_ = false;
  std::uint64_t region_count_ = 0;
  std::map<std::uint32_t, Region> regions_;
  std::map<std::uint32_t, Processor> processors_;
  Dump dump_;
};

void StateReader::take_memory_tag(const VmwareTag& tag) {
  if (tag.name == "Memory" && tag.is_block) {
    if (tag.is_compressed) compressed_ = true;
    if (memory_.empty() && !tag.is_compressed) memory_ = tag.bytes;
  }
  if (tag.name == "regionsCount") region_count_ = tag.value();
  if (tag.index_count != 1 || tag.index[0] >= most_regions) return;
  if (tag.name == "regionPPN") regions_[tag.index[0]].guest = tag.value();
  if (tag.name == "regionPageNum") regions_[tag.index[0]].file = tag.value();
  if (tag.name == "regionSize") regions_[tag.index[0]].size = tag.value();
}

// CR64 and IDTR are a block for each processor, or a value for each part of it.
void StateReader::take_control(Processor& processor, const VmwareTag& tag) {
  if (tag.name == "CR64") {
    if (tag.index_count == 2 && tag.index[1] < 16) processor.control[tag.index[1]] = tag.value();
    for (std::uint32_t i = 0; tag.index_count == 1 && i < 5; ++i) {
      if (const auto value = tag.bytes.get<std::uint64_t>(i * 8)) processor.control[i] = *value;
    }
  }
  if (tag.name != "IDTR") return;
  if (tag.index_count == 1) processor.idt_base = tag.bytes.get<std::uint64_t>(2);
  if (tag.index_count == 2 && tag.index[1] == 1) processor.idt_parts = tag.value() & 0xffffffff;
  if (tag.index_count == 2 && tag.index[1] == 2) {
    processor.idt_base = processor.idt_parts | tag.value() << 32;
  }
}

void StateReader::take_processor_tag(const VmwareTag& tag) {
  if (tag.name == "cpu:numVCPUs") {
    dump_.processor_count = std::min(static_cast<std::uint32_t>(tag.value()), most_processors);
  }
  if (tag.index_count == 0 || tag.index[0] >= most_processors) return;
  using R = X86Registers;
  // The order in which the block "gpregs" has them, and the names of single values.
  constexpr std::pair<std::string_view, std::size_t> places[] = {
      {"rax", R::rax},    {"rcx", R::rcx},    {"rdx", R::rdx},    {"rbx", R::rbx},
      {"rbp", R::rbp},    {"rsp", R::rsp},    {"rsi", R::rsi},    {"rdi", R::rdi},
      {"r8", R::r8},      {"r9", R::r8 + 1},  {"r10", R::r8 + 2}, {"r11", R::r8 + 3},
      {"r12", R::r8 + 4}, {"r13", R::r8 + 5}, {"r14", R::r8 + 6}, {"r15", R::r8 + 7}};
  const auto known = std::ranges::find(places, tag.name, [](const auto& p) { return p.first; });
  const bool is_block = tag.name == "gpregs" && tag.bytes.size() == std::size(places) * 8;
  const bool is_wanted = known != std::end(places) || is_block || tag.name == "CR64" ||
                         tag.name == "IDTR" || tag.name == "rip" ||
                         base::equals_ignoring_case(tag.name, "eflags");
  if (!is_wanted) return;
  Processor& processor = processors_[tag.index[0]];
  take_control(processor, tag);
  if (known != std::end(places)) {
    processor.registers.gpr[known->second] = tag.value();
    processor.has_rsp |= known->second == R::rsp;
  }
  for (std::size_t i = 0; is_block && i < std::size(places); ++i) {
    processor.registers.gpr[places[i].second] = tag.bytes.get_or<std::uint64_t>(i * 8, 0);
    processor.has_rsp = true;
  }
  if (tag.name == "rip") {
    processor.registers.rip = tag.value();
    processor.has_rip = true;
  }
  if (base::equals_ignoring_case(tag.name, "eflags")) processor.registers.rflags |= tag.value();
}

// Without regions the memory has no hole.
void StateReader::gather_memory() {
  MemoryPieces pieces(memory_.size());
  std::uint64_t cut = 0, taken = 0;
  for (const auto& [index, region] : regions_) {
    if (index >= region_count_ || region.size == 0) continue;
    const std::uint64_t size = region.size * page_size;  // each is a 32-bit count of pages
    const base::Bytes bytes = memory_.clamp(region.file * page_size, size);
    pieces.add(region.guest * page_size, bytes);
    if (bytes.size() < size) ++cut;
    ++taken;
  }
  if (taken == 0) pieces.add(0, memory_);
  if (cut != 0) {
    dump_.warnings.push_back(
        fmt::format("{} regions of memory lie wholly or partly behind the end of the file",
                    count_of(cut, taken)));
  }
  if (taken < region_count_ && region_count_ != 0) {
    dump_.warnings.push_back(
        fmt::format("{} regions of memory are described", count_of(taken, region_count_)));
  }
  dump_.physical_bytes = pieces.bytes();
  dump_.physical = std::move(pieces).source();
}

void StateReader::gather_processors() {
  for (const auto& [number, from] : processors_) {
    ProcessorRecord processor;
    processor.number = number;
    const bool has_context = from.has_rip && from.has_rsp &&
                             (dump_.architecture == base::Architecture::x64 ||
                              dump_.architecture == base::Architecture::x86);
    if (has_context) processor.context = context_of(from.registers, dump_.architecture);
    const auto control = [&](std::uint32_t index) -> std::optional<std::uint64_t> {
      const auto found = from.control.find(index);
      return found == from.control.end() ? std::nullopt : std::optional(found->second);
    };
    processor.cr0 = control(0);
    processor.cr3 = control(3);
    processor.cr4 = control(4);
    processor.idt_base = from.idt_base;
    dump_.processors.push_back(std::move(processor));
  }
}

base::Result<Dump> StateReader::read() {
  dump_.kind = Kind::vmware;
  for_each_vmware_tag(state_, "memory", [&](const VmwareTag& tag) { take_memory_tag(tag); });
  for_each_vmware_tag(state_, "cpu", [&](const VmwareTag& tag) { take_processor_tag(tag); });
  if (memory_.empty()) {
    if (compressed_) {
      return base::fail("a VMware state whose memory is compressed, which is not understood");
    }
    return base::fail(
        "a VMware state without the memory: put the .vmem file of the same name beside it");
  }
  gather_memory();
  take_self_map(dump_);
  gather_processors();
  return std::move(dump_);
}

}  // namespace

base::Result<Dump> parse_vmware(base::Bytes state, base::Bytes memory) {
  return StateReader(state, memory).read();
}

}  // namespace ntstack::dump
