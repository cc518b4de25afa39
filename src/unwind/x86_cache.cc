#include "unwind/x86_cache.h"

#include <algorithm>

namespace ntstack::unwind::x86 {
namespace {

constexpr std::size_t kMaximumPrograms = 4096;
// Where a record has none (old linkers leave it out): the return address is searched.
constexpr std::string_view kMissingProgram = "$T0 .raSearch = $eip $T0 ^ = $esp $T0 4 + =";

}  // namespace

RuleCache::RuleCache(unsigned bits) {
  const std::size_t size = std::size_t{1} << std::clamp(bits, 1u, 20u);
  rules_.pairs.resize(size);
  sites_.pairs.resize(2 * size);
  states_.pairs.resize(size);
}

void RuleCache::forget() {
  rules_.clear();
  sites_.clear();
  states_.clear();
  programs_.clear();
}

const Rule& RuleCache::rule(const CodeMap& code, const base::ByteSource& memory, std::uint32_t eip,
                            bool is_call_site) {
  const Key key = key_of(code, eip, is_call_site);
  auto& entry = rules_.at(key);
  if (entry.key == key) return ++hits_, entry.value;
  ++misses_;
  entry.value = rule_at(code, memory, eip, is_call_site);
  entry.key = key;
  if (entry.value.frame_data) entry.value.program = compiled(entry.value.frame_data->program);
  return entry.value;
}

const ReturnSite& RuleCache::return_site(const CodeMap& code, const base::ByteSource& memory,
                                         std::uint32_t value) {
  const Key key = key_of(code, value, true);
  auto& entry = sites_.at(key);
  if (entry.key == key) return entry.value;
  entry.value = return_site_at(code, memory, value);
  entry.key = key;
  return entry.value;
}

const std::optional<FrameState>& RuleCache::state(const CodeMap& code,
                                                  const base::ByteSource& memory,
                                                  std::uint32_t start, std::uint32_t eip,
                                                  bool is_call_site) {
  const Key key = key_of(code, eip, is_call_site, start);
  auto& entry = states_.at(key);
  if (entry.key == key) return entry.value;
  entry.value = state_from(memory, {start, kLargestFunction, 0}, eip, is_call_site);
  entry.key = key;
  return entry.value;
}

CompiledProgram RuleCache::compiled(std::string_view text) {
  std::string key(text.empty() ? kMissingProgram : text);
  const auto known = programs_.find(key);
  if (known != programs_.end()) return known->second;
  if (programs_.size() >= kMaximumPrograms) programs_.clear();
  CompiledProgram program = compile(key);
  return programs_.emplace(std::move(key), std::move(program)).first->second;
}

}  // namespace ntstack::unwind::x86
