#include "dump/records.h"

#include <algorithm>

#include "base/text.h"

namespace ntstack::dump {

namespace {

constexpr std::uint32_t max_exception_parameters = 15;  // EXCEPTION_MAXIMUM_PARAMETERS
constexpr std::uint64_t max_name_characters = 1024;

}  // namespace

std::optional<ExceptionRecord> exception_record(base::Bytes bytes, bool is_64_bit) {
  const std::uint64_t address_at = is_64_bit ? 0x10 : 0xc;
  const std::uint64_t count_at = is_64_bit ? 0x18 : 0x10;
  const std::uint64_t parameters_at = is_64_bit ? 0x20 : 0x14;
  const std::uint64_t pointer_size = is_64_bit ? 8 : 4;
  if (!bytes.contains(address_at, pointer_size)) return std::nullopt;

  const auto pointer = [&](std::uint64_t at) -> std::optional<std::uint64_t> {
    if (is_64_bit) return bytes.get<std::uint64_t>(at);
    return bytes.get<std::uint32_t>(at);
  };
  ExceptionRecord record;
  record.code = bytes.get_or<std::uint32_t>(0, 0);
  record.flags = bytes.get_or<std::uint32_t>(4, 0);
  record.address = pointer(address_at).value_or(0);
  if (record.code == 0 && record.address == 0) return std::nullopt;

  const auto count = std::min(bytes.get_or<std::uint32_t>(count_at, 0), max_exception_parameters);
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto parameter = pointer(parameters_at + i * pointer_size);
    if (!parameter) break;
    record.parameters.push_back(*parameter);
  }
  return record;
}

std::string module_name(base::Bytes utf16, std::uint64_t characters) {
  const auto limit = std::min(characters, max_name_characters);
  base::Bytes text = utf16.clamp(0, limit * 2);
  for (std::uint64_t at = 0; at + 2 <= text.size(); at += 2) {
    if (text.get_or<std::uint16_t>(at, 0) == 0) {
      text = text.clamp(0, at);
      break;
    }
  }
  return base::utf8_from_utf16(text);
}

std::string count_of(std::uint64_t count, std::uint64_t all) {
  return fmt::format("{} of {}", count, all);
}

bool MemoryPieces::add(std::uint64_t address, base::Bytes bytes) {
  if (bytes.empty()) return true;
  if (bytes.size() > room_) {
    ++left_out_;
    return false;
  }
  room_ -= bytes.size();
  bytes_ += bytes.size();
  if (!pieces_.empty()) {
    auto& last = pieces_.back();
    const std::uint64_t size = last.bytes.size();
    if (address - last.address == size && address >= last.address &&
        last.bytes.data() + size == bytes.data()) {
      last.bytes = base::Bytes(last.bytes.data(), last.bytes.size() + bytes.size());
      return true;
    }
  }
  pieces_.push_back({address, bytes});
  return true;
}

std::unique_ptr<base::ByteSource> MemoryPieces::source() && {
  return std::make_unique<base::SegmentSource>(std::move(pieces_));
}

}  // namespace ntstack::dump
