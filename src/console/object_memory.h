// Kernel objects built by hand, for tests: memory at addresses, a KDBG that leads to it, and a
// console over them.
#pragma once

#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "console/console.h"

namespace ntstack::console::building {

class ObjectMemory {
 public:
  ObjectMemory(base::Architecture architecture, std::uint32_t build)
      : architecture_(architecture), build_(build), kdbg_(0x380) {
    put_kdbg<std::uint32_t>(0x10, 0x4742444b);
    put_kdbg<std::uint32_t>(0x14, 0x380);
  }

  bool wide() const { return base::is_64_bit(architecture_); }
  std::uint32_t build() const { return build_; }
  std::uint64_t word() const { return wide() ? 8 : 4; }
  // Kernel addresses, the same below the upper half.
  std::uint64_t at(std::uint64_t offset) const {
    return (wide() ? 0xffffa000'00000000 : 0x8a000000) + offset;
  }

  template <class T>
  void put(std::uint64_t address, T value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    for (std::size_t i = 0; i < sizeof value; ++i) {
      std::vector<std::byte>& page = pages_[(address + i) & ~std::uint64_t{0xfff}];
      page.resize(0x1000);
      page[(address + i) & 0xfff] = bytes[i];
    }
  }
  void put_pointer(std::uint64_t address, std::uint64_t value) {
    if (wide())
      put(address, value);
    else
      put(address, static_cast<std::uint32_t>(value));
  }
  // A UNICODE_STRING, its characters at `buffer`.
  void put_string(std::uint64_t address, std::uint64_t buffer, const std::string& text) {
    put(address, static_cast<std::uint16_t>(text.size() * 2));
    put_pointer(address + word(), buffer);
    for (std::size_t i = 0; i < text.size(); ++i)
      put(buffer + 2 * i, static_cast<std::uint16_t>(text[i]));
  }
  // LIST_ENTRYs in a ring.
  void put_ring(const std::vector<std::uint64_t>& entries) {
    for (std::size_t i = 0; i < entries.size(); ++i) {
      const std::uint64_t next = entries[(i + 1) % entries.size()];
      put_pointer(entries[i], next);
      put_pointer(next + word(), entries[i]);
    }
  }
  template <class T>
  void put_kdbg(std::uint32_t offset, T value) {
    std::memcpy(kdbg_.data() + offset, &value, sizeof value);
  }
  void lose(std::uint64_t address) { pages_.erase(address & ~std::uint64_t{0xfff}); }

  // KiProcessorBlock at `block` with a KPRCB for each processor.
  void put_processors(std::uint64_t block, const std::vector<std::uint64_t>& prcbs) {
    put_kdbg<std::uint64_t>(0x218, block);
    for (std::size_t i = 0; i < prcbs.size(); ++i) put_pointer(block + i * word(), prcbs[i]);
    processors_ = static_cast<std::uint32_t>(prcbs.size());
  }

  // What each command answers. The memory stays as it is now.
  std::string run(std::string_view commands) {
    dump::Dump dump;
    dump.kind = dump::Kind::triage;
    dump.architecture = architecture_;
    dump.build = build_;
    dump.processor_count = processors_;
    dump.kdbg = base::Bytes(std::span<const std::byte>(kdbg_));
    std::vector<base::SegmentSource::Segment> segments;
    for (const auto& [address, bytes] : pages_)
      segments.push_back({address, base::Bytes(std::span<const std::byte>(bytes))});
    dump.memory = std::make_unique<base::SegmentSource>(std::move(segments));
    target::Kernel kernel(dump);
    const target::Machine machine(kernel);
    symbols::Symbolizer symbolizer({}, {});
    stacks::Walker walker(machine, symbolizer);
    std::string answer;
    Console console({&machine, &symbolizer, &walker, {}, "built.dmp"},
                    [&](std::string_view text) { answer += text; });
    console.interrupted = interrupted;
    console.run(commands);
    return answer;
  }
  std::function<bool()> interrupted;

 private:
  base::Architecture architecture_;
  std::uint32_t build_, processors_ = 0;
  std::vector<std::byte> kdbg_;
  std::map<std::uint64_t, std::vector<std::byte>> pages_;
};

}  // namespace ntstack::console::building
