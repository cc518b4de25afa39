#include "pe/imports.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace ntstack::pe {
namespace {

constexpr std::size_t kMostDescriptors = 4096, kMostSlots = 65536, kMostName = 512;
// Of all names, those of DLLs counted for each slot: descriptors may share slots and names, and
// would else make much of a small file.
constexpr std::size_t kMostText = std::size_t{8} << 20;

std::string text_at(const Image& image, std::uint64_t rva) {
  std::array<std::byte, kMostName> bytes;
  if (rva == 0 || rva > UINT32_MAX) return {};
  const std::size_t size = image.read(static_cast<std::uint32_t>(rva), bytes);
  const auto text = base::Bytes(bytes.data(), size).terminated_text(0);
  return text ? std::string(*text) : std::string();
}

class Reader {
 public:
  explicit Reader(const Image& image)
      : image_(image), pointer_size_(base::is_64_bit(image.architecture()) ? 8 : 4) {}

  std::vector<ImportSlot> read() {
    read_imports();
    read_delayed();
    std::ranges::stable_sort(slots_, {}, &ImportSlot::rva);
    return std::move(slots_);
  }

 private:
  std::uint32_t word(std::uint64_t rva) const {
    return rva <= UINT32_MAX
               ? image_.get<std::uint32_t>(static_cast<std::uint32_t>(rva)).value_or(0)
               : 0;
  }

  // IMAGE_IMPORT_DESCRIPTOR: names, two words, the DLL's name, the slots.
  void read_imports() {
    const DataDirectory directory = image_.directory(Directory::imports);
    for (std::size_t i = 0; directory.rva != 0 && i < kMostDescriptors; ++i) {
      const std::uint64_t at = directory.rva + std::uint64_t{i} * 20;
      const std::uint32_t names = word(at), dll = word(at + 12), slots = word(at + 16);
      if (dll == 0 || slots == 0) return;
      // Linkers of old leave the names in the slots alone, where only a file has them.
      add(names != 0 ? names : slots, dll, slots, false);
    }
  }

  // IMAGE_DELAYLOAD_DESCRIPTOR; attribute 1: its addresses are RVAs.
  void read_delayed() {
    const DataDirectory directory = image_.directory(Directory::delay_imports);
    for (std::size_t i = 0; directory.rva != 0 && i < kMostDescriptors; ++i) {
      const std::uint64_t at = directory.rva + std::uint64_t{i} * 32;
      const std::uint32_t dll = word(at + 4), slots = word(at + 12), names = word(at + 16);
      if (dll == 0 || slots == 0 || names == 0) return;
      if ((word(at) & 1) != 0) add(names, dll, slots, true);
    }
  }

  void add(std::uint64_t names, std::uint32_t dll_rva, std::uint64_t slots, bool is_delayed) {
    const std::string dll = text_at(image_, dll_rva);
    if (dll.empty()) return;
    for (; looked_at_ < kMostSlots && text_ < kMostText;
         ++looked_at_, names += pointer_size_, slots += pointer_size_) {
      if (names > UINT32_MAX || slots > UINT32_MAX) return;
      const auto rva = static_cast<std::uint32_t>(names);
      const std::uint64_t entry =
          pointer_size_ == 8 ? image_.get<std::uint64_t>(rva).value_or(0) : word(names);
      if (entry == 0) return;
      const bool by_ordinal = (entry >> (pointer_size_ * 8 - 1)) != 0;
      const std::string name =
          by_ordinal ? fmt::format("Ordinal{}", entry & 0xffff) : text_at(image_, entry + 2);
      text_ += dll.size() + name.size();
      if (!name.empty())
        slots_.push_back({static_cast<std::uint32_t>(slots), dll, name, is_delayed});
    }
  }

  const Image& image_;
  std::uint64_t pointer_size_;
  std::vector<ImportSlot> slots_;
  std::size_t looked_at_ = 0, text_ = 0;  // slots, and characters of names, as they count
};

}  // namespace

base::Result<std::vector<ImportSlot>> imports(const Image& image) {
  if (image.architecture() == base::Architecture::unknown)
    return base::fail("the image is of a processor that is not understood");
  return Reader(image).read();
}

}  // namespace ntstack::pe
