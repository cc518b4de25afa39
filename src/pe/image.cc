#include "pe/image.h"

#include <algorithm>
#include <utility>

#include "pe/headers.h"

namespace ntstack::pe {

using base::Bytes;
using base::fail;

namespace {

// More sections than any linker writes for an image; the loader itself stops at 96 in its
// documentation.
constexpr std::uint32_t max_sections = 1024;
constexpr std::uint32_t max_section_name = 256;
constexpr std::uint32_t max_debug_entries = 64;
constexpr std::uint32_t max_pdb_path = 4096;
constexpr std::uint32_t page = 0x1000;

std::uint64_t align_up(std::uint64_t value, std::uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

}  // namespace

// Reads the headers into an image whose source (file or memory) is set.
class Image::Reader {
 public:
  explicit Reader(Image& image) : image_(image) {}

  base::Result<void> read() {
    if (auto found = find_nt_headers(); !found) return found;
    if (auto found = read_file_header(); !found) return found;
    if (auto found = read_optional_header(); !found) return found;
    if (auto found = read_sections(); !found) return found;
    lay_out();
    return {};
  }

 private:
  // The headers lie at the same offsets in a file and in memory.
  template <class T>
  std::optional<T> get(std::uint64_t offset) const {
    if (!image_.memory_) return image_.file_.get<T>(offset);
    if (offset > UINT64_MAX - image_.base_) return {};
    return image_.memory_->get<T>(image_.base_ + offset);
  }

  base::Result<void> find_nt_headers() {
    const auto dos = get<DosHeader>(0);
    if (!dos) return fail("the DOS header is not there");
    if (dos->magic != dos_magic) return fail("no PE image: it does not begin with \"MZ\"");
    nt_ = dos->nt_headers;
    const auto signature = get<std::uint32_t>(nt_);
    if (!signature) return fail("the PE header at {:#x} is not there", nt_);
    if (*signature != nt_signature) return fail("no PE image: no \"PE\" at {:#x}", nt_);
    return {};
  }

  base::Result<void> read_file_header() {
    const auto header = get<FileHeader>(nt_ + 4);
    if (!header) return fail("the COFF header at {:#x} is not there", nt_ + 4);
    image_.machine_ = header->machine;
    image_.architecture_ = base::architecture_of_machine(header->machine);
    image_.timestamp_ = header->timestamp;
    image_.symbol_table_offset_ = header->symbol_table_offset;
    image_.symbol_count_ = header->symbol_count;
    section_count_ = header->section_count;
    optional_ = nt_ + 4 + sizeof(FileHeader);
    optional_size_ = header->optional_header_size;
    return {};
  }

  base::Result<void> read_optional_header() {
    switch (get<std::uint16_t>(optional_).value_or(0)) {
      case OptionalHeader32::magic_value:
        return read_optional_header_as<OptionalHeader32>();
      case OptionalHeader64::magic_value:
        return read_optional_header_as<OptionalHeader64>();
      default:
        return fail("no PE image: no PE32 or PE32+ optional header at {:#x}", optional_);
    }
  }

  template <class T>
  base::Result<void> read_optional_header_as() {
    const auto header = get<T>(optional_);
    if (!header || optional_size_ < sizeof(T)) {
      return fail("the optional header at {:#x} is cut short", optional_);
    }
    image_.size_of_image_ = header->size_of_image;
    image_.checksum_ = header->checksum;
    image_.entry_point_ = header->entry_point;
    image_.preferred_base_ = header->image_base;
    size_of_headers_ = header->size_of_headers;
    section_alignment_ = header->section_alignment;
    file_alignment_ = header->file_alignment;
    if (image_.memory_ && image_.base_ > UINT64_MAX - image_.size_of_image_) {
      return fail("the image's size {:#x} passes the end of memory", image_.size_of_image_);
    }
    return read_directories(optional_ + sizeof(T), header->directory_count,
                            (optional_size_ - sizeof(T)) / sizeof(DataDirectory));
  }

  base::Result<void> read_directories(std::uint64_t at, std::uint32_t claimed, std::size_t room) {
    const std::size_t count = std::min<std::size_t>({claimed, room, max_directories});
    for (std::size_t i = 0; i < count; ++i) {
      const auto directory = get<DataDirectory>(at + i * sizeof(DataDirectory));
      if (!directory) return fail("the data directories at {:#x} are cut short", at);
      image_.directories_.push_back(*directory);
    }
    return {};
  }

  base::Result<void> read_sections() {
    if (section_count_ > max_sections) {
      return fail("the header claims {} sections, more than an image has", section_count_);
    }
    const std::uint64_t table = optional_ + optional_size_;
    for (std::uint32_t i = 0; i < section_count_; ++i) {
      const auto header = get<SectionHeader>(table + i * sizeof(SectionHeader));
      if (!header) return fail("the section table at {:#x} is cut short", table);
      Section section;
      section.name = section_name(*header);
      section.rva = header->rva;
      section.virtual_size = header->virtual_size;
      section.file_offset = header->file_size ? header->file_offset : 0;
      section.file_size = header->file_size;
      section.characteristics = header->characteristics;
      image_.sections_.push_back(std::move(section));
    }
    return {};
  }

  // "/123" is an offset into the string table behind the COFF symbols; files alone have that.
  std::string section_name(const SectionHeader& header) const {
    const std::string_view name = Bytes(std::as_bytes(std::span(header.name))).text(0);
    if (!name.starts_with('/') || name.size() < 2 || !image_.symbol_table_offset_) {
      return std::string(name);
    }
    std::uint32_t offset = 0;
    for (const char c : name.substr(1)) {
      if (c < '0' || c > '9') return std::string(name);
      offset = offset * 10 + static_cast<std::uint32_t>(c - '0');
    }
    const std::uint64_t strings =
        image_.symbol_table_offset_ + std::uint64_t{image_.symbol_count_} * sizeof(CoffSymbol);
    const std::string_view found = image_.file_.text(strings + offset, max_section_name);
    return std::string(found.empty() ? name : found);
  }

  // Where each stretch of RVAs has its bytes, as the loader maps them: the headers, then each
  // section in whole pages. Hostile sections that overlap are cut: the lower RVA wins.
  void lay_out() {
    std::vector<Piece>& pieces = image_.pieces_;
    pieces.push_back(headers_piece());
    for (std::size_t i = 0; i < image_.sections_.size(); ++i) {
      pieces.push_back(piece_of(image_.sections_[i], static_cast<std::uint16_t>(i)));
    }
    std::ranges::sort(pieces, {},
                      [](const Piece& piece) { return std::pair(piece.rva, piece.section); });
    std::vector<Piece> kept;
    std::uint64_t end = 0;
    for (Piece piece : pieces) {
      const std::uint64_t piece_end = std::uint64_t{piece.rva} + piece.size;
      if (piece_end <= end) continue;
      if (piece.rva < end) cut_front(piece, static_cast<std::uint32_t>(end - piece.rva));
      end = piece_end;
      kept.push_back(piece);
    }
    pieces = std::move(kept);
  }

  // The headers end where the first section begins, whatever their size claims.
  Piece headers_piece() const {
    std::uint32_t end = mapped_size(0, size_of_headers_);
    for (const Section& section : image_.sections_) end = std::min(end, section.rva);
    return {0, end, 0, std::min(end, size_of_headers_), no_section};
  }

  Piece piece_of(const Section& section, std::uint16_t index) const {
    Piece piece;
    piece.rva = section.rva;
    piece.size =
        mapped_size(section.rva, section.virtual_size ? section.virtual_size : section.file_size);
    piece.file_offset = section.file_offset;
    // The loader reads whole sectors.
    if (whole_pages() && file_alignment_ >= sector) piece.file_offset &= ~(sector - 1);
    piece.file_size = std::min(section.file_size, piece.size);
    piece.section = index;
    return piece;
  }

  // Drivers may be aligned to less than a page; they are mapped as they lie in the file.
  bool whole_pages() const { return section_alignment_ >= page; }

  std::uint32_t mapped_size(std::uint32_t rva, std::uint32_t used) const {
    const std::uint32_t alignment = whole_pages() ? page : std::max(section_alignment_, 1u);
    const std::uint64_t room = (std::uint64_t{1} << 32) - rva;
    return static_cast<std::uint32_t>(
        std::min<std::uint64_t>({align_up(used, alignment), room, UINT32_MAX}));
  }

  static void cut_front(Piece& piece, std::uint32_t bytes) {
    const std::uint32_t from_file = std::min(bytes, piece.file_size);
    piece.rva += bytes;
    piece.size -= bytes;
    // An offset that wraps has no bytes in any file that is mapped; the next line takes them away.
    if (piece.file_offset > UINT32_MAX - from_file) piece.file_size = from_file;
    piece.file_offset += from_file;
    piece.file_size -= from_file;
  }

  static constexpr std::uint32_t sector = 0x200;

  Image& image_;
  std::uint64_t nt_ = 0;
  std::uint64_t optional_ = 0;
  std::uint32_t optional_size_ = 0;
  std::uint32_t section_count_ = 0;
  std::uint32_t size_of_headers_ = 0;
  std::uint32_t section_alignment_ = 0;
  std::uint32_t file_alignment_ = 0;
};

base::Result<Image> Image::from_file(Bytes file) {
  Image image;
  image.file_ = file;
  if (auto read = Reader(image).read(); !read) return std::unexpected(std::move(read.error()));
  return image;
}

base::Result<Image> Image::from_memory(const base::ByteSource& memory, std::uint64_t base) {
  Image image;
  image.memory_ = &memory;
  image.base_ = base;
  if (auto read = Reader(image).read(); !read) return std::unexpected(std::move(read.error()));
  return image;
}

const Image::Piece* Image::piece_of(std::uint32_t rva) const {
  const auto after = std::ranges::upper_bound(pieces_, rva, {}, &Piece::rva);
  if (after == pieces_.begin()) return nullptr;
  const Piece& piece = *std::prev(after);
  return rva - piece.rva < piece.size ? &piece : nullptr;
}

const Section* Image::section_of(std::uint32_t rva) const {
  const Piece* piece = piece_of(rva);
  if (!piece || piece->section == no_section) return nullptr;
  const Section& section = sections_[piece->section];
  const std::uint32_t used = section.virtual_size ? section.virtual_size : section.file_size;
  return rva - section.rva < used ? &section : nullptr;
}

DataDirectory Image::directory(Directory index) const {
  const auto i = static_cast<std::size_t>(index);
  return i < directories_.size() ? directories_[i] : DataDirectory();
}

std::size_t Image::read(std::uint32_t rva, std::span<std::byte> out) const {
  if (memory_) {
    if (rva >= size_of_image_) return 0;
    return memory_->read(base_ + rva,
                         out.first(std::min<std::size_t>(out.size(), size_of_image_ - rva)));
  }
  std::size_t done = 0;
  while (done < out.size() && done <= UINT32_MAX - rva) {
    const auto at = static_cast<std::uint32_t>(rva + done);
    const Piece* piece = piece_of(at);
    if (!piece) break;
    const std::uint32_t inside = at - piece->rva;
    std::span<std::byte> rest = out.subspan(done);
    if (inside < piece->file_size) {
      const Bytes raw = view(at, rest.size());
      if (raw.empty()) break;  // the file ends before the section does
      std::memcpy(rest.data(), raw.data(), raw.size());
      done += raw.size();
    } else {
      rest = rest.first(std::min<std::size_t>(rest.size(), piece->size - inside));
      std::ranges::fill(rest, std::byte{0});
      done += rest.size();
    }
  }
  return done;
}

Bytes Image::view(std::uint32_t rva, std::size_t size) const {
  if (memory_) {
    if (rva >= size_of_image_) return {};
    return memory_->view(base_ + rva, std::min<std::size_t>(size, size_of_image_ - rva));
  }
  const Piece* piece = piece_of(rva);
  if (!piece) return {};
  const std::uint32_t inside = rva - piece->rva;
  if (inside >= piece->file_size) return {};
  return file_.clamp(std::uint64_t{piece->file_offset} + inside,
                     std::min<std::size_t>(size, piece->file_size - inside));
}

base::Result<CodeView> Image::codeview() const {
  const DataDirectory debug = directory(Directory::debug);
  if (!debug.rva || debug.size < sizeof(DebugEntry)) {
    return fail("the image names no PDB: it has no debug directory");
  }
  base::Error last{"the image names no PDB: its debug directory has no CodeView entry", {}};
  const std::uint32_t count =
      std::min<std::uint32_t>(debug.size / sizeof(DebugEntry), max_debug_entries);
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint64_t at = debug.rva + std::uint64_t{i} * sizeof(DebugEntry);
    const auto entry =
        at <= UINT32_MAX ? get<DebugEntry>(static_cast<std::uint32_t>(at)) : std::nullopt;
    if (!entry) {
      last = {fmt::format("the debug directory at RVA {:#x} is not there", debug.rva), {}};
      break;
    }
    if (entry->type != debug_type_codeview) continue;
    auto found = codeview_of_entry(entry->rva, entry->file_offset, entry->size);
    if (found) return found;
    last = std::move(found.error());
  }
  return std::unexpected(std::move(last));
}

base::Result<CodeView> Image::codeview_of_entry(std::uint32_t rva, std::uint32_t file_offset,
                                                std::uint32_t size) const {
  const std::size_t wanted = std::min<std::size_t>(size, sizeof(Rsds) + max_pdb_path);
  std::vector<std::byte> record(wanted);
  record.resize(rva ? read(rva, record) : 0);
  // An entry that no section maps is still in the file.
  if (record.size() < std::min(wanted, sizeof(Rsds)) && file_offset) {
    const Bytes raw = file_.clamp(file_offset, wanted);
    record.assign(raw.span().begin(), raw.span().end());
  }
  const Bytes bytes{std::span<const std::byte>(record)};
  const auto signature = bytes.get<std::uint32_t>(0);
  if (!signature) return fail("the CodeView entry at RVA {:#x} is not there", rva);
  if (*signature != rsds_signature) {
    return fail("the CodeView entry at RVA {:#x} is not of the kind \"RSDS\"", rva);
  }
  const auto key = bytes.get<Rsds>(0);
  if (!key) return fail("the CodeView entry at RVA {:#x} is cut short", rva);
  return CodeView{key->guid, key->age, std::string(bytes.text(sizeof(Rsds)))};
}

std::size_t ImagePages::read(std::uint64_t address, std::span<std::byte> out) const {
  if (address < base_ || address - base_ > UINT32_MAX) return 0;
  return image_->read(static_cast<std::uint32_t>(address - base_), out);
}

Bytes ImagePages::view(std::uint64_t address, std::size_t size) const {
  if (address < base_ || address - base_ > UINT32_MAX) return {};
  return image_->view(static_cast<std::uint32_t>(address - base_), size);
}

}  // namespace ntstack::pe
