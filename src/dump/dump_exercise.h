// Reads all that a dump offers, as the layers above do, and checks what they rely on. For tests and
// fuzzing: whatever the bytes were, nothing that parse() gives may point outside them.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/byte_source.h"
#include "base/bytes.h"
#include "dump/dump.h"
#include "dump/self_map.h"
#include "dump/vmware.h"

namespace ntstack::dump::building {

class Exercise {
 public:
  Exercise(const Dump& dump, base::Bytes file) : dump_(dump), file_(file) {}

  // Empty where everything is in order, else the first thing that is not.
  std::string complaint() {
    check_records();
    check_modules();
    check_memory();
    return complaint_;
  }

 private:
  void require(bool holds, std::string_view what) {
    if (!holds && complaint_.empty()) complaint_ = what;
  }

  void inside(base::Bytes bytes, std::string_view what) {
    if (bytes.empty()) return;
    const std::less_equal<const std::byte*> not_after;
    require(not_after(file_.data(), bytes.data()) &&
                not_after(bytes.data() + bytes.size(), file_.data() + file_.size()),
            fmt::format("{} lies outside the file", what));
    if (complaint_.empty()) sum_ += std::to_integer<unsigned>(bytes.data()[bytes.size() - 1]);
  }

  void check_records() {
    inside(dump_.context, "the context");
    inside(dump_.kdbg, "KDBG");
    if (dump_.exception) require(dump_.exception->parameters.size() <= 15, "too many parameters");
    for (const ThreadRecord& thread : dump_.threads) {
      inside(thread.context, "a thread's context");
      require(thread.stack_size <= UINT64_MAX - thread.stack_address, "a stack wraps");
      require(thread.name.size() <= max_text, "a thread's name is too long");
    }
    for (const ProcessorRecord& processor : dump_.processors) {
      require(processor.context.size() <= 0x4d0, "a processor's context is too long");
    }
    for (const SecondaryData& piece : dump_.secondary) inside(piece.bytes, "secondary data");
    if (dump_.triage) {
      for (const base::Bytes piece : {dump_.triage->prcb, dump_.triage->process,
                                      dump_.triage->thread, dump_.triage->call_stack}) {
        inside(piece, "a part of the triage dump");
      }
      for (const auto& block : dump_.triage->data_blocks) inside(block.bytes, "a data block");
    }
    require(dump_.warnings.size() <= 32, "there are too many warnings");
    for (const std::string& warning : dump_.warnings) require(!warning.empty(), "an empty warning");
    require(dump_.comment.size() <= 3 * 65536, "the comment is too long");
  }

  void check_modules() {
    for (const ModuleRecord& module : dump_.modules) {
      require(module.size <= UINT64_MAX - module.base, "a module wraps");
      require(module.path.size() <= max_text && module.pdb_name.size() <= max_text,
              "a module's name is too long");
    }
    for (const UnloadedModuleRecord& module : dump_.unloaded_modules) {
      require(module.begin <= module.end, "an unloaded module ends before it begins");
    }
  }

  void check_memory() {
    require((dump_.memory != nullptr) != (dump_.physical != nullptr),
            "there is not one memory, virtual or physical");
    if (!complaint_.empty()) return;
    if (dump_.memory) read_all(*dump_.memory);
    if (dump_.mapped) read_all(*dump_.mapped);
    if (!dump_.physical) return;
    const std::uint64_t there = read_all(*dump_.physical);
    require(there <= dump_.physical_bytes, "there is more physical memory than was counted");
  }

  // Every byte from address 0 on, hole by hole; gives how many there are.
  std::uint64_t read_all(const base::ByteSource& memory) {
    const std::uint64_t most = std::uint64_t{file_.size()} * 4;
    std::uint64_t listed = 0, address = 0;
    bool is_hole = false;  // the last address that was asked for was one
    while (complaint_.empty()) {
      const base::Bytes piece = memory.view(address, 1 << 20);
      if (piece.empty()) {
        require(!is_hole, "a hole does not end where it is said to");
        std::byte byte;
        require(memory.read(address, std::span(&byte, 1)) == 0,
                "read() gives what view() does not");
        const std::uint64_t next = memory.hole_end(address);
        require(next > address || next == UINT64_MAX, "a hole ends before it begins");
        if (next == UINT64_MAX) break;
        address = next;
        is_hole = true;
        continue;
      }
      is_hole = false;
      inside(piece, "a piece of memory");
      listed += piece.size();
      require(listed <= most, "more memory is listed than can be");
      if (complaint_.empty()) read_through(memory, address, piece);
      if (piece.size() > UINT64_MAX - address) break;
      address += piece.size();
    }
    for (const std::uint64_t at : {std::uint64_t{0}, UINT64_MAX, std::uint64_t{1} << 63}) {
      sum_ += memory.get<std::uint64_t>(at).value_or(0);
    }
    return listed;
  }

  void read_through(const base::ByteSource& memory, std::uint64_t address, base::Bytes piece) {
    for (std::uint64_t done = 0; done < piece.size(); done += buffer_.size()) {
      const auto wanted = std::min<std::uint64_t>(buffer_.size(), piece.size() - done);
      const std::span<std::byte> out(buffer_.data(), static_cast<std::size_t>(wanted));
      require(memory.read(address + done, out) == wanted, "listed memory can't be read");
      require(std::memcmp(out.data(), piece.data() + done, out.size()) == 0,
              "memory reads as something else");
    }
  }

  static constexpr std::size_t max_text = 4096;
  const Dump& dump_;
  base::Bytes file_;
  std::string complaint_;
  std::array<std::byte, 16384> buffer_{};
  std::uint64_t sum_ = 0;  // so that every byte looked at has a use
};

// Parses the bytes and exercises what comes of it; an error must say something.
inline std::string complaint_about(base::Bytes file) {
  const auto dump = parse(file);
  // A VMware state's memory is another file: the state itself is as good as any.
  if (is_vmware_state(file)) {
    if (const auto both = parse_vmware(file, file)) {
      if (auto complaint = Exercise(*both, file).complaint(); !complaint.empty()) return complaint;
    }
  }
  // Raw memory begins at 1 MB, which few inputs have: its page tables are looked for in any.
  if (const auto found = find_self_map(base::SegmentSource({{0x1000, file}}))) {
    if (found->directory_table_base >= file.size() + 0x1000) return "page tables outside the file";
  }
  if (!dump) return dump.error().text().empty() ? "an error without a text" : std::string();
  return Exercise(*dump, file).complaint();
}

}  // namespace ntstack::dump::building
