#include "pe/unwind_arm64.h"

#include <algorithm>

#include "pe/packed_arm64.h"

namespace ntstack::pe::arm64 {

using base::Bytes;
using base::fail;

namespace {

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

std::optional<RuntimeFunction> FunctionTable::find(std::uint32_t rva) const {
  const auto found = nearest(rva, [](const RuntimeFunction&) { return true; });
  if (!found) return {};
  const auto length = length_of(image(), *found);
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
