// The world's images and memory as the unwinder takes them, and where it is not asked.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/byte_source.h"
#include "base/mapped_file.h"
#include "unwind/code_map.h"
#include "world/guest_memory.h"
#include "world/image_loader.h"

namespace ntstack::world {

// A machine's memory as the unwinder reads it.
class MachineMemory : public base::ByteSource {
 public:
  MachineMemory() = default;
  explicit MachineMemory(const GuestMemory& memory) : memory_(&memory) {}
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;

 private:
  const GuestMemory* memory_ = nullptr;
};

// The world's images as the unwinder's code map, read from their files.
class ImageMap : public unwind::CodeMap {
 public:
  ImageMap(const std::filesystem::path& folder, std::span<const LoadedImage> images);
  const unwind::Module* find(std::uint64_t address) const override;

 private:
  struct File {
    base::MappedFile file;
    std::unique_ptr<pe::Image> image;
    unwind::Module module;
  };
  std::vector<File> files_;
};

// A stretch of instructions where the unwinder is not asked, or must refuse; why.
struct Exemption {
  std::uint64_t begin = 0, end = 0;
  std::string reason;
};

const Exemption* find_exemption(const std::vector<Exemption>& list, std::uint64_t address);

}  // namespace ntstack::world
