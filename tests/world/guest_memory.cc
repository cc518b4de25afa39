#include "world/guest_memory.h"

#include <fmt/format.h>

#include <stdexcept>

namespace ntstack::world {

void check_unicorn(uc_err error, const char* what) {
  if (error != UC_ERR_OK) throw std::runtime_error(fmt::format("{}: {}", what, uc_strerror(error)));
}

GuestMemory::GuestMemory(uc_arch architecture, uc_mode mode) {
  check_unicorn(uc_open(architecture, mode, &engine_), "uc_open");
}

GuestMemory::~GuestMemory() { uc_close(engine_); }

void GuestMemory::map(std::uint64_t address, std::uint64_t size) {
  check_unicorn(uc_mem_map(engine_, address & ~0xfffull,
                           ((address & 0xfff) + size + 0xfff) & ~0xfffull, UC_PROT_ALL),
                "map");
}

void GuestMemory::write(std::uint64_t address, std::span<const std::uint8_t> bytes) {
  check_unicorn(uc_mem_write(engine_, address, bytes.data(), bytes.size()), "write");
}

void GuestMemory::read_into(std::uint64_t address, void* out, std::size_t size) const {
  if (const uc_err error = uc_mem_read(engine_, address, out, size)) {
    throw std::runtime_error(fmt::format("reading {:#x}: {}", address, uc_strerror(error)));
  }
}

std::vector<std::uint8_t> GuestMemory::read(std::uint64_t address, std::size_t size) const {
  std::vector<std::uint8_t> bytes(size);
  read_into(address, bytes.data(), size);
  return bytes;
}

bool GuestMemory::try_read(std::uint64_t address, std::span<std::byte> out) const {
  return uc_mem_read(engine_, address, out.data(), out.size()) == UC_ERR_OK;
}

}  // namespace ntstack::world
