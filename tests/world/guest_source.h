// A dump's memory with the emulated machine's behind it: what the dump would have if it had all.
#pragma once

#include <memory>

#include "base/byte_source.h"
#include "world/kernel_world.h"

namespace ntstack::world {

class GuestSource : public base::ByteSource {
 public:
  GuestSource(const KernelWorld& world, std::unique_ptr<base::ByteSource> dump)
      : world_(world), dump_(std::move(dump)) {}
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    std::size_t done = dump_->read(address, out);
    while (done < out.size() && world_.machine().try_read(address + done, out.subspan(done, 1)))
      ++done;
    return done;
  }

 private:
  const KernelWorld& world_;
  std::unique_ptr<base::ByteSource> dump_;
};

}  // namespace ntstack::world
