// The memory of an emulated machine (Unicorn), whatever its processor.
#pragma once

#include <unicorn/unicorn.h>

#include <cstdint>
#include <span>
#include <vector>

namespace ntstack::world {

// Throws std::runtime_error, with `what` in it, where Unicorn refuses.
void check_unicorn(uc_err error, const char* what);

class GuestMemory {
 public:
  GuestMemory(const GuestMemory&) = delete;
  GuestMemory& operator=(const GuestMemory&) = delete;

  void map(std::uint64_t address, std::uint64_t size);  // whole pages, zeroed
  void write(std::uint64_t address, std::span<const std::uint8_t> bytes);
  std::vector<std::uint8_t> read(std::uint64_t address, std::size_t size) const;
  template <class T>
  void put(std::uint64_t address, T value) {
    write(address, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  template <class T = std::uint64_t>
  T get(std::uint64_t address) const {
    T value;
    read_into(address, &value, sizeof value);
    return value;
  }
  // False where a byte of it is not mapped.
  bool try_read(std::uint64_t address, std::span<std::byte> out) const;

 protected:
  GuestMemory(uc_arch architecture, uc_mode mode);
  ~GuestMemory();

  uc_engine* engine_ = nullptr;

 private:
  void read_into(std::uint64_t address, void* out, std::size_t size) const;
};

}  // namespace ntstack::world
