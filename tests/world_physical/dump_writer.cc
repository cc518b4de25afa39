// The containers of physical memory, from public descriptions of them; sparse files.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "world_physical/physical_machine.h"

namespace ntstack::world {
namespace {

// DUMP_HEADER32 and DUMP_HEADER64.
struct HeaderLayout {
  std::uint64_t size, word;
  std::uint64_t directory_table_base, pfn_database, loaded_module_list, active_process_head;
  std::uint64_t machine, processors, bugcheck, parameters, kdbg, memory;
  std::uint64_t context, context_size, exception, exception_size, exception_address;
  std::uint64_t type, required_space, system_time, up_time, product_type, attributes;
};
constexpr HeaderLayout header32{0x1000, 4,     0x10,  0x14,  0x18,  0x1c,  0x20,  0x24,
                                0x28,   0x2c,  0x60,  0x64,  0x320, 0x4b0, 0x7d0, 0x50,
                                0x7dc,  0xf88, 0xfa0, 0xfc0, 0xfb8, 0xf94, 0x8a0};
constexpr HeaderLayout header64{0x2000, 8,     0x10,  0x18,  0x20,   0x28,   0x30,  0x34,
                                0x38,   0x40,  0x80,  0x88,  0x348,  0xbb8,  0xf00, 0x98,
                                0xf10,  0xf98, 0xfa0, 0xfa8, 0x1030, 0x1040, 0x1050};

class SparseFile {
 public:
  explicit SparseFile(const std::filesystem::path& path)
      : file_(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644)) {
    if (file_ < 0) throw std::runtime_error("cannot write " + path.string());
  }
  ~SparseFile() { ::close(file_); }
  SparseFile(const SparseFile&) = delete;
  SparseFile& operator=(const SparseFile&) = delete;

  void write(std::uint64_t offset, std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      const ssize_t count = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (count <= 0) throw std::runtime_error(std::strerror(errno));
      offset += static_cast<std::uint64_t>(count);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }
  template <class T>
  void put(std::uint64_t offset, T value) {
    write(offset, {reinterpret_cast<const std::uint8_t*>(&value), sizeof value});
  }
  void set_size(std::uint64_t size) {
    if (::ftruncate(file_, static_cast<off_t>(size)) != 0)
      throw std::runtime_error(std::strerror(errno));
  }

 private:
  int file_;
};

class Writer {
 public:
  Writer(PhysicalMachine& machine, const Crash& crash, Container container,
         const std::filesystem::path& path)
      : machine_(machine),
        crash_(crash),
        container_(container),
        file_(path),
        header_(machine.kernel.layout.pointer_size == 4 ? header32 : header64),
        header_size_(header_.size) {}

  void write() {
    choose_runs();
    write_header();
    switch (container_) {
      case Container::full:
        write_pages(header_size_);
        break;
      case Container::summary:
        write_summary();
        break;
      case Container::rdmp_kernel:
      case Container::rdmp_full:
        write_rdmp();
        break;
      default:
        write_bitmap();
    }
  }

 private:
  std::uint32_t type() const {
    switch (container_) {
      case Container::full:
        return 1;
      case Container::summary:
        return 2;
      case Container::bitmap_full:
        return 5;
      case Container::rdmp_kernel:
        return 8;
      case Container::rdmp_full:
        return 10;
      default:
        return 6;
    }
  }
  bool has_all_memory() const { return type() == 1 || type() == 5 || type() == 10; }

  // All of the machine's memory, or the pages of the kernel's.
  void choose_runs() {
    if (has_all_memory()) {
      runs_ = machine_.memory.runs();
      return;
    }
    for (const auto& [number, page] : machine_.memory.pages()) {
      if (machine_.memory.is_user(number)) continue;
      if (!runs_.empty() && runs_.back().first + runs_.back().count == number)
        runs_.back().count++;
      else
        runs_.push_back({number, 1});
    }
  }
  std::uint64_t page_count() const {
    std::uint64_t count = 0;
    for (const PageRun& run : runs_) count += run.count;
    return count;
  }

  void put_word(std::uint64_t at, std::uint64_t value) {
    if (header_.word == 8)
      file_.put(at, value);
    else
      file_.put(at, static_cast<std::uint32_t>(value));
  }

  void write_header() {
    const HeaderLayout& h = header_;
    for (std::uint32_t i = 0; i < h.size; i += 4) file_.put(i, std::uint32_t{0x45474150});
    const KernelData& kernel = machine_.kernel;
    const bool is_live = container_ == Container::live;
    file_.put(0x4, h.word == 8 ? std::uint32_t{0x34365544}    // "DU64"
                               : std::uint32_t{0x504d5544});  // "DUMP"
    file_.put(0x8, std::uint32_t{0xf});
    file_.put(0xc, kernel.layout.build);
    put_word(h.directory_table_base, machine_.kernel_tables);
    put_word(h.pfn_database, h.word == 8 ? 0xfffffa8000000000 : 0x83600000);
    put_word(h.loaded_module_list, kernel.loaded_module_list);
    put_word(h.active_process_head, kernel.active_process_head);
    file_.put(h.machine, std::uint32_t{kernel.layout.machine});
    file_.put(h.processors, static_cast<std::uint32_t>(crash_.threads.size()));
    file_.put(h.bugcheck, is_live ? 0x161u : crash_.bugcheck);
    for (std::uint32_t i = 0; i < 4; i++)
      put_word(h.parameters + h.word * i, is_live ? std::uint64_t{0} : crash_.parameters[i]);
    if (h.word == 4) file_.put(0x5c, static_cast<std::uint8_t>(kernel.layout.has_pae));
    put_word(h.kdbg, kernel.kdbg);
    file_.write(h.context, std::vector<std::uint8_t>(h.context_size));
    file_.write(h.context, kernel.crash_context);
    file_.write(h.exception, std::vector<std::uint8_t>(h.exception_size));
    file_.put(h.exception, std::uint32_t{0x80000003});
    put_word(h.exception_address, crash_.threads[crash_.crashed].frames.front().ip);
    file_.put(h.type, type());
    file_.put(h.system_time, std::uint64_t{0x01d6f0a1c0ffee00});
    file_.put(h.up_time, std::uint64_t{0x000000a1b2c3d400});
    file_.put(h.product_type, std::uint32_t{1});
    file_.put(h.attributes, is_live ? std::uint32_t{0x10} : std::uint32_t{0});
    if (has_all_memory()) write_runs(h.memory);
  }

  void write_runs(std::uint64_t at) {
    const std::uint64_t word = header_.word;
    file_.put(at, static_cast<std::uint32_t>(runs_.size()));
    put_word(at + word, page_count());
    for (std::size_t i = 0; i < runs_.size(); i++) {
      put_word(at + 2 * word + 2 * word * i, runs_[i].first);
      put_word(at + 3 * word + 2 * word * i, runs_[i].count);
    }
  }

  void write_pages(std::uint64_t offset) {
    for (const PageRun& run : runs_) {
      const auto& pages = machine_.memory.pages();
      for (auto page = pages.lower_bound(run.first);
           page != pages.end() && page->first < run.first + run.count; ++page)
        file_.write(offset + ((page->first - run.first) << 12), *page->second);
      offset += run.count << 12;
    }
    file_.put(header_.required_space, offset);
    file_.set_size(offset);
  }

  // A bit for each page. Memory ends at a round place: kdmp-parser 0.7.4 leaves the bits of a last,
  // partial byte out.
  std::vector<std::uint8_t> page_bits() const {
    const std::uint64_t bits = (runs_.back().first + runs_.back().count + 15) & ~15ull;
    std::vector<std::uint8_t> bitmap(bits / 8);
    for (const PageRun& run : runs_)
      for (std::uint64_t i = run.first; i < run.first + run.count; i++)
        bitmap[i / 8] |= static_cast<std::uint8_t>(1 << i % 8);
    return bitmap;
  }

  // SUMMARY_DUMP: HeaderSize, BitmapSize, Pages, and an RTL_BITMAP {SizeOfBitMap, Buffer}.
  void write_summary() {
    const std::vector<std::uint8_t> bitmap = page_bits();
    const std::uint64_t bits_at = header_size_ + (header_.word == 8 ? 0x28 : 0x20);
    const std::uint64_t first = (bits_at + bitmap.size() + 0xfff) & ~0xfffull;
    const std::uint32_t bits = static_cast<std::uint32_t>(bitmap.size()) * 8;
    constexpr std::string_view magic = "SDMPDUMP";
    file_.write(header_size_, std::vector<std::uint8_t>(bits_at - header_size_));
    file_.write(header_size_, std::vector<std::uint8_t>(magic.begin(), magic.end()));
    file_.put(header_size_ + 0xc, static_cast<std::uint32_t>(first));
    file_.put(header_size_ + 0x10, bits);
    file_.put(header_size_ + 0x14, static_cast<std::uint32_t>(page_count()));
    file_.put(header_size_ + 0x18, bits);
    file_.write(bits_at, bitmap);
    write_pages(first);
  }

  void write_bitmap() {
    const std::vector<std::uint8_t> bitmap = page_bits();
    const std::uint64_t bits = bitmap.size() * 8;
    const std::uint64_t first = (header_size_ + 0x38 + bitmap.size() + 0xfff) & ~0xfffull;
    constexpr std::string_view full = "FDMPDUMP", kernel = "SDMPDUMP";
    const std::string_view magic = container_ == Container::bitmap_full ? full : kernel;
    file_.write(header_size_, std::vector<std::uint8_t>(magic.begin(), magic.end()));
    file_.put(header_size_ + 0x20, first);
    file_.put(header_size_ + 0x28, page_count());
    file_.put(header_size_ + 0x30, bits);
    file_.write(header_size_ + 0x38, bitmap);
    write_pages(first);
  }

  void write_rdmp() {
    const bool is_full = container_ == Container::rdmp_full;
    const std::uint64_t metadata = 0x30 + 0x10 * (runs_.size() + 1);
    const std::uint64_t first = (header_size_ + metadata + 0xfff) & ~0xfffull;
    constexpr std::string_view magic = "RDMPDUMP";
    file_.write(header_size_, std::vector<std::uint8_t>(first - header_size_));
    file_.put(header_size_, std::uint32_t{0x40});
    file_.write(header_size_ + 4, std::vector<std::uint8_t>(magic.begin(), magic.end()));
    // MetadataSize - 0x20 is FirstPage - 0x2040, where the header has 0x2000.
    file_.put(header_size_ + 0x10, first - header_size_ - 0x20);
    file_.put(header_size_ + 0x18, first);
    if (is_full) {
      file_.put(header_size_ + 0x20, static_cast<std::uint32_t>(runs_.size()));
      file_.put(header_size_ + 0x28, page_count());
    }
    for (std::size_t i = 0; i < runs_.size(); i++) {
      file_.put(header_size_ + 0x30 + 0x10 * i, runs_[i].first);
      file_.put(header_size_ + 0x38 + 0x10 * i, runs_[i].count);
    }
    write_pages(first);
  }

  PhysicalMachine& machine_;
  const Crash& crash_;
  Container container_;
  SparseFile file_;
  const HeaderLayout& header_;
  const std::uint64_t header_size_;
  std::vector<PageRun> runs_;
};

}  // namespace

void write_dump(PhysicalMachine& machine, const Crash& crash, Container container,
                const std::filesystem::path& path) {
  Writer(machine, crash, container, path).write();
}

}  // namespace ntstack::world
