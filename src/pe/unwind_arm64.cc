#include "pe/unwind_arm64.h"

#include <algorithm>

#include "pe/packed_arm64.h"

namespace ntstack::pe::arm64 {

using base::Bytes;
using base::fail;

namespace {

// Beyond the largest images; bounds the look for missing pages.
constexpr std::size_t max_functions = std::size_t{1} << 22;
constexpr std::uint32_t page = 0x1000;

constexpr std::uint32_t bits(std::uint32_t word, unsigned low, unsigned count) {
  return (word >> low) & ((1u << count) - 1);
}

// The first word of an .xdata record, and the second where the first has no counts.
struct Header {
  std::uint32_t length = 0;  // bytes
  std::uint32_t version = 0;
  bool has_handler = false;
  bool one_epilog = false;  // then scope_count is the index of its codes
  std::uint32_t scope_count = 0;
  std::uint32_t code_words = 0;
  std::uint32_t size = 4;
};

std::optional<Header> header_at(const Image& image, std::uint32_t rva) {
  const auto word = image.get<std::uint32_t>(rva);
  if (!word) return {};
  Header header;
  header.length = bits(*word, 0, 18) * 4;
  header.version = bits(*word, 18, 2);
  header.has_handler = bits(*word, 20, 1) != 0;
  header.one_epilog = bits(*word, 21, 1) != 0;
  header.scope_count = bits(*word, 22, 5);
  header.code_words = bits(*word, 27, 5);
  if (header.scope_count != 0 || header.code_words != 0) return header;
  const auto extension =
      rva <= UINT32_MAX - 4 ? image.get<std::uint32_t>(rva + 4) : std::optional<std::uint32_t>();
  if (!extension) return {};
  header.scope_count = bits(*extension, 0, 16);
  header.code_words = bits(*extension, 16, 8);
  header.size = 8;
  return header;
}

std::optional<EpilogScope> scope_at(const Image& image, const RawUnwindInfo& raw,
                                    std::uint32_t index) {
  const auto word = image.get<std::uint32_t>(raw.scopes_rva + index * 4);
  if (!word) return {};
  return EpilogScope{bits(*word, 0, 18) * 4, bits(*word, 22, 10)};
}

base::Result<RawUnwindInfo> raw_packed(const RuntimeFunction& function, UnwindScratch& scratch) {
  const auto codes = expand(packed_of(function), function.form() == Form::packed_fragment);
  if (!codes) {
    return fail("the packed unwind data {:#x} of RVA {:#x} describes no frame", function.unwind,
                function.begin);
  }
  RawUnwindInfo raw;
  raw.function = function;
  raw.length = packed_of(function).length;
  std::ranges::copy(codes->bytes(), scratch.bytes.begin());
  raw.codes = Bytes(scratch.bytes.data(), codes->bytes().size());
  raw.last_epilog = codes->epilog;
  return raw;
}

}  // namespace

FunctionTable::FunctionTable(const Image& image) : image_(&image) {
  const DataDirectory directory = image.directory(Directory::exception);
  if (image.architecture() != base::Architecture::arm64 || !directory.rva) return;
  rva_ = directory.rva;
  count_ = std::min<std::size_t>(directory.size / sizeof(RuntimeFunction), max_functions);
  if (count_ == 0) return;
  const std::size_t size = count_ * sizeof(RuntimeFunction);
  table_ = image.view(rva_, size);
  if (table_.size() == size) {
    runs_.push_back({0, count_});
  } else {
    find_runs();
  }
}

// Which entries are there, a page at a time: what a page lacks at its front, it lacks as a whole.
void FunctionTable::find_runs() {
  std::array<std::byte, page> copy;
  const std::uint64_t end = rva_ + std::uint64_t{count_} * sizeof(RuntimeFunction);
  const auto entry_at = [&](std::uint64_t rva) { return (rva - rva_) / sizeof(RuntimeFunction); };
  std::uint64_t begin_there = rva_;  // a stretch of bytes that are there
  std::uint64_t end_there = rva_;
  const auto take = [&] {
    const Run run{entry_at(begin_there + sizeof(RuntimeFunction) - 1), entry_at(end_there)};
    if (run.first < run.end) runs_.push_back(run);
  };
  for (std::uint64_t at = rva_; at < end && at <= UINT32_MAX; at = (at | (page - 1)) + 1) {
    const std::uint64_t stop = std::min((at | (page - 1)) + 1, end);
    const auto wanted = static_cast<std::size_t>(stop - at);
    const auto page_rva = static_cast<std::uint32_t>(at);
    std::size_t there = image_->view(page_rva, wanted).size();
    if (there < wanted) there = image_->read(page_rva, std::span(copy).first(wanted));
    if (at != end_there) {
      take();
      begin_there = at;
    }
    end_there = at + there;
  }
  take();
  missing_ = runs_.size() != 1 || runs_[0].first != 0 || runs_[0].end != count_;
}

std::optional<RuntimeFunction> FunctionTable::at(std::size_t index) const {
  if (index >= count_) return {};
  const std::uint64_t offset = index * sizeof(RuntimeFunction);
  if (const auto direct = table_.get<RuntimeFunction>(offset)) return direct;
  if (offset > UINT32_MAX - rva_) return {};
  return image_->get<RuntimeFunction>(static_cast<std::uint32_t>(rva_ + offset));
}

std::optional<RuntimeFunction> FunctionTable::find(std::uint32_t rva) const {
  const auto after = std::ranges::partition_point(runs_, [&](const Run& run) {
    const auto first = at(run.first);
    return first && first->begin <= rva;
  });
  if (after == runs_.begin()) return {};
  std::size_t low = std::prev(after)->first;
  std::size_t high = std::prev(after)->end;
  std::optional<RuntimeFunction> found;
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    const auto entry = at(middle);
    if (!entry) return {};
    if (rva < entry->begin) {
      high = middle;
    } else {
      found = entry;
      low = middle + 1;
    }
  }
  if (!found) return {};
  const auto length = length_of(*image_, *found);
  return !length || rva - found->begin < *length ? found : std::nullopt;
}

Packed packed_of(const RuntimeFunction& function) {
  const std::uint32_t word = function.unwind;
  Packed packed;
  packed.length = bits(word, 2, 11) * 4;
  const auto floats = static_cast<std::uint8_t>(bits(word, 13, 3));
  packed.float_count = floats == 0 ? std::uint8_t{0} : static_cast<std::uint8_t>(floats + 1);
  packed.int_count = static_cast<std::uint8_t>(bits(word, 16, 4));
  packed.homes_parameters = bits(word, 20, 1) != 0;
  packed.cr = static_cast<std::uint8_t>(bits(word, 21, 2));
  packed.frame_size = bits(word, 23, 9) * 16;
  return packed;
}

std::optional<std::uint32_t> length_of(const Image& image, const RuntimeFunction& function) {
  if (function.form() != Form::xdata) return packed_of(function).length;
  const auto word = image.get<std::uint32_t>(function.unwind);
  return word ? std::optional(bits(*word, 0, 18) * 4) : std::nullopt;
}

base::Result<RawUnwindInfo> raw_unwind_info(const Image& image, const RuntimeFunction& function,
                                            UnwindScratch& scratch) {
  if (function.form() == Form::reserved)
    return fail("the unwind entry for RVA {:#x} is of a reserved form", function.begin);
  if (function.form() != Form::xdata) return raw_packed(function, scratch);
  const auto header = header_at(image, function.unwind);
  if (!header) return fail("the unwind info at RVA {:#x} is not there", function.unwind);
  if (header->version != 0) {
    return fail("the unwind info at RVA {:#x} has version {}; 0 is known", function.unwind,
                header->version);
  }
  RawUnwindInfo raw;
  raw.function = function;
  raw.length = header->length;
  raw.scope_count = header->one_epilog ? 0 : header->scope_count;
  if (header->one_epilog) raw.last_epilog = header->scope_count;
  const std::size_t size = header->code_words * 4;
  const std::uint64_t scopes = std::uint64_t{function.unwind} + header->size;
  const std::uint64_t codes = scopes + std::uint64_t{raw.scope_count} * 4;
  if (codes + size + 4 > UINT32_MAX)
    return fail("the unwind info at RVA {:#x} is cut short", function.unwind);
  raw.scopes_rva = static_cast<std::uint32_t>(scopes);
  const auto codes_rva = static_cast<std::uint32_t>(codes);
  raw.codes = image.view(codes_rva, size);
  if (raw.codes.size() < size) {
    raw.codes =
        Bytes(scratch.bytes.data(), image.read(codes_rva, std::span(scratch.bytes).first(size)));
  }
  if (raw.codes.size() < size)
    return fail("the unwind info at RVA {:#x} is cut short", function.unwind);
  if (header->has_handler) raw.handler_rva = static_cast<std::uint32_t>(codes + size);
  return raw;
}

std::uint32_t instruction_count(const RawUnwindInfo& raw, std::size_t index) {
  CodeReader reader(raw.codes, index);
  std::uint32_t count = 0;
  for (auto code = reader.next(); code && !code->ends(); code = reader.next())
    count += code->instructions();
  return count;
}

std::optional<EpilogScope> epilog_at(const Image& image, const RawUnwindInfo& raw,
                                     std::uint32_t offset) {
  const auto holds = [&](const EpilogScope& scope) {
    return offset >= scope.start &&
           (offset - scope.start) / 4 <= instruction_count(raw, scope.index);
  };
  if (raw.last_epilog) {
    const std::uint32_t size = (instruction_count(raw, *raw.last_epilog) + 1) * 4;
    if (size > raw.length) return {};
    const EpilogScope scope{raw.length - size, *raw.last_epilog};
    return holds(scope) ? std::optional(scope) : std::nullopt;
  }
  // In the order of their starts.
  std::uint32_t low = 0;
  std::uint32_t high = raw.scope_count;
  std::optional<EpilogScope> before;
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    const auto scope = scope_at(image, raw, middle);
    if (!scope) return {};
    if (scope->start > offset) {
      high = middle;
    } else {
      before = scope;
      low = middle + 1;
    }
  }
  return before && holds(*before) ? before : std::nullopt;
}

base::Result<UnwindInfo> decode(const Image& image, const RuntimeFunction& function) {
  UnwindScratch scratch;
  const auto raw = raw_unwind_info(image, function, scratch);
  if (!raw) return std::unexpected(raw.error());
  UnwindInfo info;
  info.form = function.form();
  info.length = raw->length;
  info.code_bytes = static_cast<std::uint32_t>(raw->codes.size());
  info.last_epilog = raw->last_epilog;
  CodeReader codes(raw->codes);
  while (const auto code = codes.next()) info.codes.push_back(*code);
  // Behind an end there may be anything, to fill the last word.
  const bool is_padding = !info.codes.empty() && info.codes.back().op == Op::end;
  if (codes.error() && !is_padding)
    return fail("the unwind info at RVA {:#x} has {}", function.unwind, codes.error());
  for (std::uint32_t i = 0; i < raw->scope_count; ++i) {
    const auto scope = scope_at(image, *raw, i);
    if (!scope) return fail("the unwind info at RVA {:#x} is cut short", function.unwind);
    info.epilogs.push_back(*scope);
  }
  if (raw->handler_rva) {
    info.handler = image.get<std::uint32_t>(*raw->handler_rva);
    if (!info.handler) return fail("the unwind info at RVA {:#x} is cut short", function.unwind);
  }
  return info;
}

}  // namespace ntstack::pe::arm64
