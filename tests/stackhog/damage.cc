#include "stackhog/damage.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>

#include "base/mapped_file.h"
#include "stacks/walker.h"

namespace ntstack::world {
namespace {

constexpr std::size_t page_size = 0x1000;

std::span<const std::byte> as_bytes(std::span<const std::uint8_t> bytes) {
  return std::as_bytes(bytes);
}

std::vector<std::uint8_t> random_bytes(std::size_t size, std::mt19937_64& random) {
  std::vector<std::uint8_t> bytes(size);
  for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
  return bytes;
}

std::vector<std::uint8_t> text(std::size_t size) {
  constexpr std::string_view line = "GET /index.html HTTP/1.1\r\nHost: fileserver.example.com\r\n";
  std::vector<std::uint8_t> bytes(size);
  for (std::size_t i = 0; i < size; i++)
    bytes[i] = static_cast<std::uint8_t>(line[i % line.size()]);
  return bytes;
}

// Its trust says that it may be none.
bool is_no_fact(unwind::Trust trust) {
  return trust == unwind::Trust::scan || trust == unwind::Trust::reconstructed;
}

}  // namespace

std::string_view name_of(Damage damage) {
  constexpr std::string_view names[] = {"none",
                                        "top: garbage",
                                        "top: text",
                                        "top: old contents",
                                        "zeroed page",
                                        "smashed frame",
                                        "registers zero",
                                        "registers garbage",
                                        "stack pointer outside",
                                        "contexts lost"};
  return names[static_cast<std::size_t>(damage)];
}

Recovery& Recovery::operator+=(const Recovery& other) {
  runs += other.runs;
  reachable += other.reachable;
  recovered += other.recovered;
  recovered_as_fact += other.recovered_as_fact;
  whole += other.whole;
  invented_as_guess += other.invented_as_guess;
  invented_behind_guess += other.invented_behind_guess;
  invented_as_fact += other.invented_as_fact;
  return *this;
}

DamageRig::DamageRig(const StackHog& hog, const std::string& architecture, StackHogDump kind,
                     Images images)
    : hog_(hog), opened_(hog, kind, architecture, images) {
  const auto file = base::MappedFile::open(opened_.path());
  if (!file) throw std::runtime_error(file.error().text());
  const auto span = file->bytes().span();
  bytes_.assign(span.begin(), span.end());
  const StackSegment& stack = hog.thread().segments.back();
  limit_ = stack.limit;
  base_ = stack.base;
  width_ = hog.world->layout().pointer_size;
  first_on_stack_ = hog.first_listed - 2;  // what was interrupted below the stack's limit
  find_stack();
  find_registers();
}

void DamageRig::find_all(std::span<const std::uint8_t> bytes,
                         std::vector<std::size_t>& places) const {
  const auto needle = as_bytes(bytes);
  const std::boyer_moore_horspool_searcher searcher(
      needle.begin(), needle.end(), [](std::byte b) { return std::hash<std::byte>()(b); });
  for (auto at = bytes_.begin();;) {
    at = std::search(at, bytes_.end(), searcher);
    if (at == bytes_.end()) return;
    places.push_back(static_cast<std::size_t>(at - bytes_.begin()));
    ++at;
  }
}

void DamageRig::find_stack() {
  for (std::uint64_t page = limit_; page < base_; page += page_size) {
    std::vector<std::size_t> found;
    find_all(hog_.world->memory().read(page, page_size), found);
    if (found.size() != 1) throw std::runtime_error("the stack's page is not in the dump once");
    pages_.push_back(found.front());
  }
}

// What interrupted the thread kept its registers: a TSS, a machine frame, a trap frame.
void DamageRig::find_registers() {
  const ThreadTruth& thread = hog_.thread();
  const KernelObjects& world = *hog_.world;
  std::size_t begin = 0x80;  // of what of the CONTEXT is no zeros
  context_size_ = 0xd0 - begin;
  std::uint64_t kept = 0;
  const TruthFrame& handler = thread.frames[first_on_stack_ - 1];
  if (width_ == 4) {
    kept = world.memory().get<std::uint32_t>(world.pcr(hog_.crash.crashed) + 0x40);  // KPCR.TSS
    kept_size_ = 0x68;
    stack_pointer_in_kept_ = 0x38;
  } else if (world.layout().machine == 0xaa64) {
    begin = 8;
    context_size_ = 0x108;
    kept = handler.trap_frame;
    kept_size_ = 0x150;
    stack_pointer_in_kept_ = 0x98;
  } else {
    begin = 0x78;
    context_size_ = 0x88;
    kept = handler.return_slot;
    kept_size_ = 0x28;
    stack_pointer_in_kept_ = 0x18;
  }
  find_all(std::span(thread.context).subspan(begin, context_size_), contexts_);
  find_all(world.memory().read(kept, kept_size_), kept_);
  if (contexts_.empty() || kept_.empty()) throw std::runtime_error("the registers are not found");
}

void DamageRig::patch(std::size_t at, std::span<const std::uint8_t> bytes) {
  const auto begin = bytes_.begin() + static_cast<std::ptrdiff_t>(at);
  changed_.emplace_back(at, std::vector(begin, begin + static_cast<std::ptrdiff_t>(bytes.size())));
  std::ranges::copy(as_bytes(bytes), begin);
}

void DamageRig::spoil(std::uint64_t begin, std::uint64_t end,
                      const std::vector<std::uint8_t>& bytes) {
  spoilt_.push_back({begin, end});
  for (std::uint64_t at = begin; at < end;) {
    const std::uint64_t in_page = (at - limit_) % page_size;
    const std::uint64_t size = std::min(end - at, page_size - in_page);
    patch(pages_[(at - limit_) / page_size] + in_page, std::span(bytes).subspan(at - begin, size));
    at += size;
  }
}

std::size_t DamageRig::random_frame(std::mt19937_64& random) const {
  const std::size_t frames = hog_.thread().frames.size() - hog_.first_listed;
  return hog_.first_listed + random() % (frames - 4);
}

void DamageRig::spoil_stack(Damage damage, std::mt19937_64& random) {
  const auto& frames = hog_.thread().frames;
  const std::size_t frame = random_frame(random);
  if (damage == Damage::zeroed_page) {
    const std::uint64_t page = limit_ + random() % pages_.size() * page_size;
    spoil(page, page + page_size, std::vector<std::uint8_t>(page_size));
    return;
  }
  const std::uint64_t end = frames[frame + 1].child_sp;
  const std::uint64_t begin = damage == Damage::smashed_frame ? frames[frame].child_sp : limit_;
  const std::size_t size = end - begin;
  switch (damage) {
    case Damage::top_text:
      spoil(begin, end, text(size));
      break;
    case Damage::top_old_contents: {
      // What lies so much higher, as a deeper call may have left it.
      const std::uint64_t room = base_ - end;
      std::vector<std::uint8_t> old(size);
      const std::uint64_t from = end + random() % (room / 16) * 8;
      const auto source = hog_.world->memory().read(from, base_ - from);
      for (std::size_t i = 0; i < size; i++) old[i] = source[i % (source.size() & ~7ull)];
      spoil(begin, end, old);
      break;
    }
    case Damage::smashed_frame:
      spoil(begin, end,
            random() % 2 ? random_bytes(size, random) : std::vector<std::uint8_t>(size, 0x41));
      break;
    default:
      spoil(begin, end, random_bytes(size, random));
  }
}

void DamageRig::spoil_registers(Damage damage, std::mt19937_64& random) {
  const bool zero = damage == Damage::registers_zero || random() % 2 == 0;
  const auto filling = [&](std::size_t size) {
    return damage != Damage::registers_garbage && zero ? std::vector<std::uint8_t>(size)
                                                       : random_bytes(size, random);
  };
  for (const std::size_t at : contexts_) patch(at, filling(context_size_));
  if (damage == Damage::context_lost) return;
  for (const std::size_t at : kept_) patch(at, filling(kept_size_));
  registers_are_spoilt_ = true;
}

void DamageRig::move_stack_pointer(std::mt19937_64& random) {
  const std::uint64_t places[] = {limit_ - 0x1000 - random() % 0x10000, base_ + random() % 0x10000,
                                  random() % 0x70000000};
  const std::uint64_t sp = places[random() % std::size(places)] & ~15ull;
  std::vector<std::uint8_t> bytes(width_);
  std::memcpy(bytes.data(), &sp, width_);
  for (const std::size_t at : kept_) patch(at + stack_pointer_in_kept_, bytes);
  registers_are_spoilt_ = true;
}

void DamageRig::apply(Damage damage, std::mt19937_64& random) {
  switch (damage) {
    case Damage::none:
      return;
    case Damage::registers_zero:
    case Damage::registers_garbage:
    case Damage::context_lost:
      return spoil_registers(damage, random);
    case Damage::stack_pointer_outside:
      return move_stack_pointer(random);
    default:
      return spoil_stack(damage, random);
  }
}

Recovery DamageRig::run(Damage damage, std::uint64_t seed) {
  std::mt19937_64 random(seed * 64 + static_cast<std::uint64_t>(damage));
  changed_.clear();
  spoilt_.clear();
  registers_are_spoilt_ = false;
  apply(damage, random);
  app::DumpOptions options;
  options.dump = "damaged.dmp";
  options.symbol_path = opened_.symbols();
  Recovery recovery;
  if (auto dump = dump::parse(base::Bytes(std::span(std::as_const(bytes_))))) {
    app::Session session = app::Session::over(std::move(*dump), options);
    const target::Machine& machine = session.machine();
    stacks::Walker walker(machine, session.symbolizer());
    if (machine.processors().size() > hog_.crash.crashed)
      recovery = compare(walker.walk_processor(machine.processors()[hog_.crash.crashed]));
  }
  for (std::size_t i = changed_.size(); i-- > 0;)
    std::ranges::copy(changed_[i].second,
                      bytes_.begin() + static_cast<std::ptrdiff_t>(changed_[i].first));
  recovery.runs = 1;
  return recovery;
}

// What leads to a frame is the one that it called; to the first, what interrupted it.
bool DamageRig::is_reachable(std::size_t frame) const {
  if (frame == first_on_stack_) return !registers_are_spoilt_;
  const auto& frames = hog_.thread().frames;
  const std::uint64_t begin = frames[frame - 1].child_sp, end = frames[frame].child_sp;
  return std::ranges::none_of(
      spoilt_, [&](const Range& range) { return range.begin < end && begin < range.end; });
}

Recovery DamageRig::compare(const stacks::Stack& stack) {
  Recovery recovery;
  inventions_.clear();
  std::multimap<std::uint64_t, const stacks::Frame*> found;
  std::multimap<std::uint64_t, std::uint64_t> right;
  const auto& truth = hog_.thread().frames;
  for (const TruthFrame& frame : truth) right.emplace(frame.ip, frame.child_sp);
  const auto is_same = [](const stacks::Frame& frame, std::uint64_t sp) {
    return frame.child_sp_is_bound ? frame.child_sp <= sp : frame.child_sp == sp;
  };
  bool is_behind_guess = false;
  for (const stacks::Frame& frame : stack.frames) {
    if (frame.is_inline || (frame.is_user && frame.ip == hog_.thread().user_rip)) continue;
    found.emplace(frame.ip, &frame);
    const auto [begin, end] = right.equal_range(frame.ip);
    const bool is_true =
        std::any_of(begin, end, [&](const auto& each) { return is_same(frame, each.second); });
    const bool is_guess = is_no_fact(frame.trust);
    // Registers that the damage wrote, as the dump says them: a context, what interrupted a thread.
    const bool is_said =
        frame.trust == unwind::Trust::context ||
        (registers_are_spoilt_ && !frame.is_call_site &&
         (frame.trust == unwind::Trust::stack_switch || frame.trust == unwind::Trust::trap_frame ||
          frame.trust == unwind::Trust::unwind_info));
    if (!is_true && !is_said) {
      if (is_guess) {
        recovery.invented_as_guess++;
      } else if (is_behind_guess) {
        recovery.invented_behind_guess++;
      } else {
        recovery.invented_as_fact++;
        inventions_.push_back(
            fmt::format("{:#x} at {:#x} ({})", frame.ip, frame.child_sp, name_of(frame.trust)));
      }
    }
    is_behind_guess |= is_guess;
  }
  for (std::size_t i = first_on_stack_; i < truth.size(); i++) {
    if (!is_reachable(i)) continue;
    recovery.reachable++;
    const auto [begin, end] = found.equal_range(truth[i].ip);
    const auto same = std::find_if(
        begin, end, [&](const auto& each) { return is_same(*each.second, truth[i].child_sp); });
    if (same == end) continue;
    recovery.recovered++;
    recovery.recovered_as_fact += !is_no_fact(same->second->trust);
  }
  recovery.whole = recovery.recovered == recovery.reachable;
  return recovery;
}

}  // namespace ntstack::world
