#include "analysis/frame_locals.h"

#include <algorithm>
#include <functional>

#include "pdb/locals.h"

namespace ntstack::analysis {
namespace {

constexpr std::uint16_t kRsp = 335;  // CV_AMD64_RSP

// A frame ends where its caller's begins, so what lies from the stack pointer on past its bytes is
// the caller's: arguments in the room that x64's callers keep for them.
bool is_in_frame(const pdb::Local& local, std::uint64_t bytes) {
  if (!local.bytes || *local.bytes == 0 || *local.bytes > bytes) return false;
  const pdb::LocalPlace& place = local.places.front();
  if (place.base != kRsp) return true;
  return place.offset >= 0 && static_cast<std::uint64_t>(place.offset) <= bytes - *local.bytes;
}

}  // namespace

const FrameLocal* FrameLocals::most_of(std::uint64_t frame_bytes) const {
  const auto found = std::ranges::find(locals, false, &FrameLocal::is_parameter);
  return found != locals.end() && found->bytes > frame_bytes / 2 ? &*found : nullptr;
}

FrameLocals frame_locals_of(const stacks::Frame& frame, std::uint64_t bytes,
                            symbols::Symbolizer& symbolizer) {
  const std::uint64_t at = frame.ip - (frame.is_call_site ? 1 : 0);
  const auto module = symbolizer.module_at(at);
  const pdb::Pdb* pdb = module ? symbolizer.pdb(*module) : nullptr;
  const std::uint64_t rva = module ? at - symbolizer.modules()[*module].base : 0;
  if (!pdb || rva > UINT32_MAX) return {};
  FrameLocals found;
  for (pdb::Local& each : pdb->locals_at(static_cast<std::uint32_t>(rva)).locals) {
    if (!is_in_frame(each, bytes)) continue;
    const pdb::LocalPlace& place = each.places.front();
    found.locals.push_back({std::string(each.name), std::move(each.function),
                            std::move(each.type_name), *each.bytes,
                            std::string(pdb::frame_register(place.base, pdb->machine())),
                            place.offset, each.is_parameter});
  }
  std::ranges::stable_sort(found.locals, std::greater<>(), &FrameLocal::bytes);
  return found;
}

}  // namespace ntstack::analysis
