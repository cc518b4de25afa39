#include "world_sets/minidump_writer.h"

#include <cstring>
#include <stdexcept>

namespace ntstack::world {
namespace {

enum StreamType : std::uint32_t {
  thread_list = 3,
  module_list = 4,
  system_info = 7,
  memory64_list = 9,
  misc_info = 15,
  thread_names = 24
};

class Writer {
 public:
  explicit Writer(const MinidumpSource& source) : source_(source) {}

  std::vector<std::uint8_t> write() {
    constexpr std::size_t streams = 6;
    add(std::vector<std::uint8_t>(32 + 12 * streams));
    put(0, std::uint32_t{0x504d444d});  // "MDMP"
    put(4, std::uint32_t{0xa793});
    put(8, static_cast<std::uint32_t>(streams));
    put(12, std::uint32_t{32});
    put(20, source_.written);
    put(24, std::uint64_t{0x2});  // MiniDumpWithFullMemory
    write_system_info();
    write_misc_info();
    write_threads();
    write_modules();
    write_thread_names();
    write_memory();
    return std::move(bytes_);
  }

 private:
  template <class T>
  void put(std::size_t offset, T value) {
    std::memcpy(&bytes_[offset], &value, sizeof value);
  }
  std::uint32_t add(std::span<const std::uint8_t> bytes) {
    bytes_.resize((bytes_.size() + 7) & ~std::size_t{7});
    const auto offset = static_cast<std::uint32_t>(bytes_.size());
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return offset;
  }
  std::uint32_t add_zeros(std::size_t size) { return add(std::vector<std::uint8_t>(size)); }
  // A MINIDUMP_STRING: bytes of UTF-16 in front, a zero behind.
  std::uint32_t add_string(const std::string& text) {
    const std::uint32_t at = add_zeros(4 + 2 * text.size() + 2);
    put(at, static_cast<std::uint32_t>(2 * text.size()));
    for (std::size_t i = 0; i < text.size(); i++)
      put(at + 4 + 2 * i, static_cast<std::uint16_t>(text[i]));
    return at;
  }
  std::uint32_t stream(StreamType type, std::size_t size) {
    const std::uint32_t at = add_zeros(size);
    const std::size_t entry = 32 + 12 * stream_count_++;
    put(entry, static_cast<std::uint32_t>(type));
    put(entry + 4, static_cast<std::uint32_t>(size));
    put(entry + 8, at);
    return at;
  }

  void write_system_info() {
    const std::uint32_t at = stream(system_info, 56);
    put(at, std::uint16_t{9});  // PROCESSOR_ARCHITECTURE_AMD64
    put(at + 6, std::uint8_t{8});
    put(at + 7, std::uint8_t{1});
    put(at + 8, std::uint32_t{10});
    put(at + 16, source_.build);
    put(at + 20, std::uint32_t{2});  // VER_PLATFORM_WIN32_NT
    put(at + 24, add_string(""));
  }
  void write_misc_info() {
    const std::uint32_t at = stream(misc_info, 24);
    put(at, std::uint32_t{24});
    put(at + 4, std::uint32_t{3});  // process ID and times
    put(at + 8, source_.process_id);
    put(at + 12, source_.process_create_time);
  }
  void write_threads() {
    const auto count = static_cast<std::uint32_t>(source_.threads.size());
    const std::uint32_t list = stream(thread_list, 4 + 48 * count);
    put(list, count);
    for (std::uint32_t i = 0; i < count; i++) {
      const ProgramThread& thread = source_.threads[i];
      const std::uint32_t context = add(thread.user_context), at = list + 4 + 48 * i;
      put(at, thread.truth.id);
      put(at + 16, thread.teb);
      put(at + 24, thread.truth.user_rsp);
      put(at + 32, static_cast<std::uint32_t>(thread.stack.base - thread.truth.user_rsp));
      put(at + 40, static_cast<std::uint32_t>(thread.user_context.size()));
      put(at + 44, context);
    }
  }
  // The image's own CodeView record, from where its debug directory has it.
  std::span<const std::uint8_t> codeview(const LoadedImage& image) const {
    const auto word = [&](std::size_t at) {
      std::uint32_t value;
      std::memcpy(&value, &image.pages[at], sizeof value);
      return value;
    };
    const std::uint32_t directory = word(0x3c) + 24 + 112 + 8 * 6;
    for (std::uint32_t entry = word(directory); entry < word(directory) + word(directory + 4);
         entry += 28) {
      if (word(entry + 12) == 2)
        return std::span(image.pages).subspan(word(entry + 20), word(entry + 16));
    }
    throw std::runtime_error(image.file_name + " has no CodeView record");
  }
  void write_modules() {
    const auto count = static_cast<std::uint32_t>(source_.images.size());
    const std::uint32_t list = stream(module_list, 4 + 108 * count);
    put(list, count);
    for (std::uint32_t i = 0; i < count; i++) {
      const LoadedImage& image = source_.images[i];
      const auto record = codeview(image);
      const std::uint32_t name = add_string(source_.folder + "\\" + image.file_name);
      const std::uint32_t record_at = add(record), at = list + 4 + 108 * i;
      put(at, image.base);
      put(at + 8, image.size);
      put(at + 12, image.checksum);
      put(at + 16, image.timestamp);
      put(at + 20, name);
      put(at + 24 + 52, static_cast<std::uint32_t>(record.size()));
      put(at + 24 + 56, record_at);
    }
  }
  void write_thread_names() {
    std::vector<const ProgramThread*> named;
    for (const ProgramThread& thread : source_.threads)
      if (!thread.name.empty()) named.push_back(&thread);
    const std::uint32_t list = stream(thread_names, 4 + 12 * named.size());
    put(list, static_cast<std::uint32_t>(named.size()));
    for (std::size_t i = 0; i < named.size(); i++) {
      const std::uint64_t name = add_string(named[i]->name);
      put(list + 4 + 12 * i, named[i]->truth.id);
      put(list + 4 + 12 * i + 4, name);
    }
  }
  // Images, stacks and TEBs; their bytes are the end of the file.
  void write_memory() {
    struct Range {
      std::uint64_t address, size;
    };
    std::vector<Range> ranges;
    for (const LoadedImage& image : source_.images)
      ranges.push_back({image.base, (image.size + 0xfff) & ~0xfffull});
    for (const ProgramThread& thread : source_.threads) {
      const std::uint64_t from = thread.truth.user_rsp & ~0xfffull;
      ranges.push_back({from, thread.stack.base - from});
      ranges.push_back({thread.teb, 0x2000});
    }
    const std::uint32_t list = stream(memory64_list, 16 + 16 * ranges.size());
    put(list, static_cast<std::uint64_t>(ranges.size()));
    for (std::size_t i = 0; i < ranges.size(); i++) {
      put(list + 16 + 16 * i, ranges[i].address);
      put(list + 24 + 16 * i, ranges[i].size);
    }
    bytes_.resize((bytes_.size() + 7) & ~std::size_t{7});
    put(list + 8, static_cast<std::uint64_t>(bytes_.size()));
    for (const Range& range : ranges) {
      const auto bytes = source_.memory.read(range.address, range.size);
      bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    }
  }

  const MinidumpSource& source_;
  std::vector<std::uint8_t> bytes_;
  std::size_t stream_count_ = 0;
};

}  // namespace

std::vector<std::uint8_t> write_minidump(const MinidumpSource& source) {
  return Writer(source).write();
}

}  // namespace ntstack::world
