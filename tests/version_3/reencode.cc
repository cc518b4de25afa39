#include "version_3/reencode.h"

#include <map>

#include "pe/image.h"
#include "pe/unwind_x64.h"
#include "version_3/encoder.h"
#include "version_3/function_code.h"

namespace ntstack::tests {
namespace {

namespace x64 = pe::x64;
using base::Bytes;

// What one entry of the old table is made into.
struct Rewritten {
  std::vector<Operation> whole;               // its prologue's operations and its parents'
  std::vector<x64::RuntimeFunction> entries;  // of the new table, by address
};

std::optional<Operation> operation_of(const x64::UnwindCode& code) {
  switch (code.op) {
    case x64::Op::push_nonvol:
      return Operation{Does::push, code.info, 8};
    case x64::Op::alloc_small:
    case x64::Op::alloc_large:
      return Operation{Does::alloc, 0, code.amount};
    case x64::Op::set_fpreg:
      return Operation{Does::set_frame, code.info, code.amount};
    case x64::Op::save_nonvol:
    case x64::Op::save_nonvol_far:
      return Operation{Does::save, code.info, code.amount};
    case x64::Op::save_xmm128:
    case x64::Op::save_xmm128_far:
      return Operation{Does::save_xmm, code.info, code.amount};
    case x64::Op::push_machframe:
      return Operation{Does::push_frame, code.info, 0};
    default:
      return {};
  }
}

std::int64_t growth_of(const Operation& operation) {
  return operation.does == Does::push || operation.does == Does::alloc ? operation.amount : 0;
}

// Version 1 counts saved registers from RSP as it is behind the prologue, or as it was when the
// frame register was set; version 3 from RSP at the save itself.
bool count_saves_from_their_own_place(std::vector<Operation>& prolog) {
  std::int64_t depth = 0;
  for (const Operation& operation : prolog) depth += growth_of(operation);
  std::int64_t base = depth;
  std::int64_t here = depth;
  for (const Operation& operation : prolog) {
    if (operation.does == Does::set_frame) base = here;
    here -= growth_of(operation);
  }
  for (Operation& operation : prolog) {
    if (operation.does == Does::save || operation.does == Does::save_xmm) {
      const std::int64_t amount = operation.amount + depth - base;
      const int unit = operation.does == Does::save ? 8 : 16;
      if (amount < 0 || amount % unit != 0) return false;
      operation.amount = static_cast<std::uint32_t>(amount);
    }
    depth -= growth_of(operation);
  }
  return true;
}

Forms forms_for(std::uint32_t begin) {
  const std::uint32_t turn = (begin >> 4) * 2654435761u >> 16;
  Forms forms;
  forms.from_tail = turn % 2 == 0;
  forms.shares_pool = turn % 3 != 0;
  forms.inherits = turn % 5 != 0;
  forms.large_prolog = turn % 7 == 0;
  forms.large_epilogs = turn % 11 == 0;
  forms.far = turn % 13 == 0;
  return forms;
}

// How many epilogues a fragment gets at most: some functions are cut without need.
std::size_t most_epilogs_for(std::uint32_t begin) { return begin / 16 % 4 == 0 ? 1 : 7; }

class Rewriter {
 public:
  Rewriter(const pe::Image& image, std::uint32_t rva) : image_(image), rva_(rva), code_(image) {}

  Reencoded run() {
    const x64::FunctionTable table(image_);
    for (std::size_t i = 0; i < table.size(); ++i) {
      const auto entry = table.at(i);
      if (!entry) continue;
      const Rewritten* rewritten = rewrite(*entry, 0);
      result_.functions += rewritten != nullptr;
      result_.left += rewritten == nullptr;
      if (rewritten == nullptr) {
        new_table_.push_back(*entry);
      } else {
        new_table_.insert(new_table_.end(), rewritten->entries.begin(), rewritten->entries.end());
      }
    }
    result_.fragments = new_table_.size();
    return result_;
  }

  std::vector<std::uint8_t> infos;
  const std::vector<x64::RuntimeFunction>& table() const { return new_table_; }

 private:
  // Null where it stays as it was. Parents come first: their entries are named in their parts'.
  const Rewritten* rewrite(const x64::RuntimeFunction& function, int depth) {
    if ((function.unwind & 1) != 0 || depth > 8 || function.end <= function.begin) return nullptr;
    const auto known = done_.find(function.begin);
    if (known != done_.end()) return known->second ? &*known->second : nullptr;
    std::optional<Rewritten> made = make(function, depth);
    const auto& kept = done_[function.begin] = std::move(made);
    return kept ? &*kept : nullptr;
  }

  std::optional<Rewritten> make(const x64::RuntimeFunction& function, int depth) {
    const auto info = x64::decode(image_, function);
    if (!info || info->version == 3) return {};
    Fragment fragment;
    fragment.size = function.end - function.begin;
    fragment.prolog_size = info->prolog_size;
    fragment.handler = info->handler;
    Rewritten made;
    if (!prolog(function, *info, fragment.prolog)) return {};
    made.whole = fragment.prolog;
    if (info->chained) {
      const Rewritten* parent = rewrite(*info->chained, depth + 1);
      if (parent == nullptr) return {};
      made.whole.insert(made.whole.end(), parent->whole.begin(), parent->whole.end());
      fragment.parent = parent_of(parent->entries.front());
    }
    const auto epilogs = code_.epilogs(function, made.whole);
    result_.epilogs += epilogs.size();
    result_.chained += info->chained.has_value();
    if (!write(function, fragment, epilogs, made.entries)) return {};
    return made;
  }

  static Fragment::Parent parent_of(const x64::RuntimeFunction& function) {
    return {function.begin, function.end, function.unwind};
  }

  bool prolog(const x64::RuntimeFunction& function, const x64::UnwindInfo& info,
              std::vector<Operation>& operations) {
    for (const x64::UnwindCode& code : info.codes) {
      auto operation = operation_of(code);
      if (!operation) return false;
      operation->ip_offset = code_.start_of_instruction_before(function, code.prolog_offset);
      operations.push_back(*operation);
    }
    return count_saves_from_their_own_place(operations);
  }

  // The function as one fragment, or cut behind epilogues; the later ones chained to the first.
  bool write(const x64::RuntimeFunction& function, Fragment fragment,
             const std::vector<EncodedEpilog>& epilogs,
             std::vector<x64::RuntimeFunction>& entries) {
    const std::size_t most = most_epilogs_for(function.begin);
    std::uint32_t begin = 0;  // of the fragment, from the function's
    for (std::size_t i = 0; i == 0 || i < epilogs.size();) {
      const std::size_t count = std::min(most, epilogs.size() - i);
      const bool is_rest = i + count == epilogs.size();
      const std::uint32_t end =
          is_rest ? function.end - function.begin
                  : code_.end_of_instruction(function.begin + epilogs[i + count - 1].start +
                                             epilogs[i + count - 1].last) -
                        function.begin;
      fragment.size = end - begin;
      fragment.epilogs.assign(epilogs.begin() + static_cast<std::ptrdiff_t>(i),
                              epilogs.begin() + static_cast<std::ptrdiff_t>(i + count));
      for (EncodedEpilog& epilog : fragment.epilogs) epilog.start -= begin;
      const auto entry = place(fragment, function.begin + begin);
      if (!entry) return false;
      entries.push_back(*entry);
      if (begin == 0) {
        fragment = Fragment();
        fragment.parent = parent_of(*entry);
      }
      begin = end;
      i += std::max<std::size_t>(count, 1);
    }
    return true;
  }

  std::optional<x64::RuntimeFunction> place(const Fragment& fragment, std::uint32_t begin) {
    const auto bytes = encode(fragment, forms_for(begin));
    if (!bytes) return {};
    const auto rva = static_cast<std::uint32_t>(rva_ + infos.size());
    infos.insert(infos.end(), bytes->begin(), bytes->end());
    return x64::RuntimeFunction{begin, begin + fragment.size, rva};
  }

  const pe::Image& image_;
  std::uint32_t rva_;
  FunctionCode code_;
  std::map<std::uint32_t, std::optional<Rewritten>> done_;
  std::vector<x64::RuntimeFunction> new_table_;
  Reencoded result_;
};

class FileWriter {
 public:
  explicit FileWriter(Bytes file) : bytes(file.span().begin(), file.span().end()) {
    nt_ = get(0x3c);
    optional_ = nt_ + 24;
    file_alignment_ = get(optional_ + 36);
    section_alignment_ = get(optional_ + 32);
    sections_ = get(nt_ + 6) & 0xffff;
    headers_ = optional_ + (get(nt_ + 20) & 0xffff);
  }

  std::uint32_t free_rva() const { return align(get(optional_ + 56), section_alignment_); }
  bool has_room() const {
    const std::size_t next = headers_ + 40 * std::size_t{sections_};
    if (next + 40 > get(optional_ + 60)) return false;
    for (std::size_t i = next; i < next + 40; ++i) {
      if (bytes[i] != std::byte{0}) return false;
    }
    return true;
  }

  // The section, at free_rva(); its last bytes are the new function table.
  void add_section(const std::vector<std::uint8_t>& raw, std::uint32_t table_rva) {
    const std::uint32_t rva = free_rva();
    const auto size = static_cast<std::uint32_t>(raw.size());
    bytes.resize(align(static_cast<std::uint32_t>(bytes.size()), file_alignment_));
    const std::size_t header = headers_ + 40 * std::size_t{sections_};
    const auto offset = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(bytes.data() + header, ".v3", 3);
    put(header + 8, size), put(header + 12, rva);
    put(header + 16, align(size, file_alignment_)), put(header + 20, offset);
    put(header + 36, 0x40000040);
    for (const std::uint8_t each : raw) bytes.push_back(std::byte{each});
    bytes.resize(align(static_cast<std::uint32_t>(bytes.size()), file_alignment_));
    put(nt_ + 6, (get(nt_ + 6) & 0xffff0000) | (sections_ + 1));
    put(optional_ + 56, align(rva + size, section_alignment_));
    put(optional_ + 112 + 3 * 8, table_rva),
        put(optional_ + 112 + 3 * 8 + 4, rva + size - table_rva);
  }

  std::vector<std::byte> bytes;

 private:
  static std::uint32_t align(std::uint32_t value, std::uint32_t to) {
    return (value + to - 1) / to * to;
  }
  std::uint32_t get(std::size_t offset) const {
    return Bytes(bytes.data(), bytes.size()).get_or<std::uint32_t>(offset, 0);
  }
  void put(std::size_t offset, std::uint32_t value) {
    std::memcpy(bytes.data() + offset, &value, sizeof(value));
  }

  std::uint32_t nt_ = 0, optional_ = 0, file_alignment_ = 1, section_alignment_ = 1, sections_ = 0;
  std::uint32_t headers_ = 0;
};

}  // namespace

Reencoded reencode_as_version_3(Bytes file) {
  const auto image = pe::Image::from_file(file);
  if (!image || image->architecture() != base::Architecture::x64) return {};
  FileWriter writer(file);
  if (x64::FunctionTable(*image).size() == 0 || !writer.has_room()) return {};
  Rewriter rewriter(*image, writer.free_rva());
  Reencoded result = rewriter.run();
  std::vector<std::uint8_t> section = rewriter.infos;
  const auto table_rva = static_cast<std::uint32_t>(writer.free_rva() + section.size());
  for (const x64::RuntimeFunction& entry : rewriter.table()) {
    const auto* raw = reinterpret_cast<const std::uint8_t*>(&entry);
    section.insert(section.end(), raw, raw + sizeof(entry));
  }
  writer.add_section(section, table_rva);
  result.file = std::move(writer.bytes);
  return result;
}

}  // namespace ntstack::tests
