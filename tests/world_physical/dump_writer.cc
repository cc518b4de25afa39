// The containers of physical memory, from public descriptions of them; sparse files.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "world_physical/physical_machine.h"

namespace ntstack::world {
namespace {

constexpr std::uint64_t header_size = 0x2000;

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
      : machine_(machine), crash_(crash), container_(container), file_(path) {}

  void write() {
    choose_runs();
    write_header();
    switch (container_) {
      case Container::full:
        write_runs(0x88);
        write_pages(header_size);
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

  void write_header() {
    for (std::uint32_t i = 0; i < header_size; i += 4) file_.put(i, std::uint32_t{0x45474150});
    const KernelData& kernel = machine_.kernel;
    const bool is_live = container_ == Container::live;
    file_.put(0x4, std::uint32_t{0x34365544});  // "DU64"
    file_.put(0x8, std::uint32_t{0xf});
    file_.put(0xc, kernel.layout.build);
    file_.put(0x10, machine_.kernel_root << 12);
    file_.put(0x18, std::uint64_t{0xfffffa8000000000});
    file_.put(0x20, kernel.loaded_module_list);
    file_.put(0x28, kernel.active_process_head);
    file_.put(0x30, std::uint32_t{0x8664});
    file_.put(0x34, static_cast<std::uint32_t>(crash_.threads.size()));
    file_.put(0x38, is_live ? 0x161u : crash_.bugcheck);
    for (std::uint32_t i = 0; i < 4; i++)
      file_.put(0x40 + 8 * i, is_live ? std::uint64_t{0} : crash_.parameters[i]);
    file_.put(0x80, kernel.kdbg);
    file_.write(0x348, std::vector<std::uint8_t>(0xbb8));
    file_.write(0x348, kernel.crash_context);
    file_.write(0xf00, std::vector<std::uint8_t>(0x98));
    file_.put(0xf00, std::uint32_t{0x80000003});
    file_.put(0xf10, crash_.threads[crash_.crashed].frames.front().ip);
    file_.put(0xf98, type());
    file_.put(0xfa8, std::uint64_t{0x01d6f0a1c0ffee00});
    file_.put(0x1030, std::uint64_t{0x000000a1b2c3d400});
    file_.put(0x1040, std::uint32_t{1});
    file_.put(0x1050, is_live ? std::uint32_t{0x10} : std::uint32_t{0});
    if (has_all_memory()) write_runs(0x88);
  }

  void write_runs(std::uint64_t at) {
    file_.put(at, static_cast<std::uint32_t>(runs_.size()));
    file_.put(at + 8, page_count());
    for (std::size_t i = 0; i < runs_.size(); i++) {
      file_.put(at + 0x10 + 0x10 * i, runs_[i].first);
      file_.put(at + 0x18 + 0x10 * i, runs_[i].count);
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
    file_.put(0xfa0, offset);  // RequiredDumpSpace
    file_.set_size(offset);
  }

  void write_bitmap() {
    // Memory ends at a round place; kdmp-parser 0.7.4 leaves the bits of a last, partial byte out.
    const std::uint64_t bits = (runs_.back().first + runs_.back().count + 15) & ~15ull;
    std::vector<std::uint8_t> bitmap((bits + 7) / 8);
    for (const PageRun& run : runs_)
      for (std::uint64_t i = run.first; i < run.first + run.count; i++)
        bitmap[i / 8] |= static_cast<std::uint8_t>(1 << i % 8);
    const std::uint64_t first = (header_size + 0x38 + bitmap.size() + 0xfff) & ~0xfffull;
    constexpr std::string_view full = "FDMPDUMP", kernel = "SDMPDUMP";
    const std::string_view magic = container_ == Container::bitmap_full ? full : kernel;
    file_.write(header_size, std::vector<std::uint8_t>(magic.begin(), magic.end()));
    file_.put(header_size + 0x20, first);
    file_.put(header_size + 0x28, page_count());
    file_.put(header_size + 0x30, bits);
    file_.write(header_size + 0x38, bitmap);
    write_pages(first);
  }

  void write_rdmp() {
    const bool is_full = container_ == Container::rdmp_full;
    const std::uint64_t metadata = 0x30 + 0x10 * (runs_.size() + 1);
    const std::uint64_t first = (header_size + metadata + 0xfff) & ~0xfffull;
    constexpr std::string_view magic = "RDMPDUMP";
    file_.write(header_size, std::vector<std::uint8_t>(first - header_size));
    file_.put(header_size, std::uint32_t{0x40});
    file_.write(header_size + 4, std::vector<std::uint8_t>(magic.begin(), magic.end()));
    file_.put(header_size + 0x10, first - 0x2020);  // MetadataSize - 0x20 is FirstPage - 0x2040
    file_.put(header_size + 0x18, first);
    if (is_full) {
      file_.put(header_size + 0x20, static_cast<std::uint32_t>(runs_.size()));
      file_.put(header_size + 0x28, page_count());
    }
    for (std::size_t i = 0; i < runs_.size(); i++) {
      file_.put(header_size + 0x30 + 0x10 * i, runs_[i].first);
      file_.put(header_size + 0x38 + 0x10 * i, runs_[i].count);
    }
    write_pages(first);
  }

  PhysicalMachine& machine_;
  const Crash& crash_;
  Container container_;
  SparseFile file_;
  std::vector<PageRun> runs_;
};

}  // namespace

void write_dump(PhysicalMachine& machine, const Crash& crash, Container container,
                const std::filesystem::path& path) {
  Writer(machine, crash, container, path).write();
}

}  // namespace ntstack::world
