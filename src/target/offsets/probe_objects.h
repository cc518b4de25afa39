// What probing looks at: some of the dumped kernel's own objects, as bytes whose fields are not
// known yet, and the plain tests that a value can pass.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/architecture.h"
#include "base/byte_source.h"

namespace ntstack::target {

struct ImageRange {
  std::uint64_t base = 0, end = 0;
};

// What is known of a kernel before any offset is.
struct ProbeStart {
  const base::ByteSource& memory;  // the kernel's virtual memory
  base::Architecture architecture = base::Architecture::x64;
  std::uint64_t process_head = 0;    // PsActiveProcessHead; 0 unknown
  std::vector<std::uint64_t> prcbs;  // of the processors that are known
  std::vector<ImageRange> images;    // nt first; those of which nothing is known lack
};

// DISPATCHER_HEADER.Type: KOBJECTS of the public headers.
inline constexpr std::uint8_t kProcessType = 3, kThreadType = 6;

struct Object {
  std::uint64_t address = 0;
  std::vector<std::byte> bytes;  // from there on, shorter at a hole

  std::optional<std::uint64_t> pointer(std::uint64_t at, bool wide) const;
  std::optional<std::uint8_t> byte(std::uint64_t at) const {
    return base::Bytes(std::span(bytes)).get<std::uint8_t>(at);
  }
};

// Tests of addresses and of values in one kernel.
class Evidence {
 public:
  explicit Evidence(const ProbeStart& start) : start_(start) {}

  const ProbeStart& start() const { return start_; }
  bool wide() const { return base::is_64_bit(start_.architecture); }
  std::uint32_t word() const { return wide() ? 8 : 4; }
  std::optional<std::uint64_t> pointer(std::uint64_t address) const {
    return start_.memory.pointer(address, wide());
  }
  bool is_kernel(std::uint64_t value) const {
    return wide() ? value >> 56 == 0xff : value >= 0x80000000 && value <= UINT32_MAX;
  }
  bool is_user(std::uint64_t value) const {
    return value >= 0x10000 && value < (wide() ? std::uint64_t{1} << 56 : 0xc0000000);
  }
  bool is_in_nt(std::uint64_t value) const {
    return !start_.images.empty() && contains(start_.images.front(), value);
  }
  bool is_in_image(std::uint64_t value) const;
  // A process's or thread's ID but for the idle one's.
  bool is_id(std::uint64_t value) const {
    return value != 0 && value % 4 == 0 && value <= UINT32_MAX;
  }
  // A LIST_ENTRY in a list: its neighbours point back to it. One that nothing else is in is one.
  bool is_list(std::uint64_t address) const;
  // As far as an object's first fields say: its type, and where it lies.
  bool has_type(std::uint64_t address, std::uint8_t type) const;
  // DISPATCHER_HEADER.WaitListHead, at 8 on every architecture, is a list.
  bool has_wait_list(std::uint64_t address) const { return is_list(address + 8); }

  Object read(std::uint64_t address, std::size_t size) const {
    return {address, start_.memory.copy(address, size)};
  }

 private:
  static bool contains(const ImageRange& range, std::uint64_t value) {
    return value >= range.base && value < range.end;
  }
  const ProbeStart& start_;
};

enum class Vote : std::uint8_t { no, unsure, yes };

// Several objects' votes on one offset.
struct Tally {
  std::size_t yes = 0, no = 0;
  void add(Vote vote) {
    yes += vote == Vote::yes;
    no += vote == Vote::no;
  }
  // A dump of a running machine has an object or two that change; no more than that.
  bool may_hold(std::size_t objects) const { return no <= objects / 16; }
};

// The offsets from `first` on, below `end`, that at least `least` of the objects vote for, and next
// to none against. `vote`: (object, offset) -> Vote.
template <class T, class F>
std::vector<std::uint32_t> fitting_offsets(const std::vector<T>& objects, std::uint32_t first,
                                           std::uint32_t end, std::uint32_t step, std::size_t least,
                                           F vote) {
  std::vector<std::uint32_t> found;
  for (std::uint32_t at = first; at < end; at += step) {
    Tally tally;
    for (const T& object : objects) {
      tally.add(vote(object, at));
      if (!tally.may_hold(objects.size())) break;
    }
    if (tally.may_hold(objects.size()) && tally.yes >= std::max<std::size_t>(least, 1))
      found.push_back(at);
  }
  return found;
}

inline std::optional<std::uint32_t> only(const std::vector<std::uint32_t>& offsets) {
  return offsets.size() == 1 ? std::optional(offsets.front()) : std::nullopt;
}

}  // namespace ntstack::target
