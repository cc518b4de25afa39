// One step on x86, over a real image and its PDB: by FrameData, by FPO records made of it, by code
// alone; with the rules in the cache, and without a cache.
#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

#include "base/mapped_file.h"
#include "code/call.h"
#include "pdb/pdb.h"
#include "pe/image.h"
#include "unwind/x86_cache.h"

namespace ntstack::unwind::x86 {
namespace {

constexpr std::uint32_t kStack = 0x80010000;
constexpr char kFolder[] = NTSTACK_SOURCE_DIR "/../shared/data/seh/x86/";

enum class Records { frame_data, fpo, none };

// Frames at call sites of every function, on a stack that is full of one return address.
class Frames : public CodeMap {
 public:
  Frames(base::MappedFile image_file, base::MappedFile pdb_file, Records records)
      : image_file_(std::move(image_file)), pdb_file_(std::move(pdb_file)), records_(records) {
    auto image = pe::Image::from_file(image_file_.bytes());
    auto pdb = pdb::Pdb::open(pdb_file_.bytes());
    if (!image || !pdb) return;
    image_.emplace(std::move(*image));
    pdb_.emplace(std::move(*pdb));
    module_ = {image_->preferred_base(), image_->size_of_image(), &*image_, {}};
    code_.emplace(*image_, module_.base);
    memory_.emplace(&stack_, &*code_);
    find_call_sites();
  }
  const Module* find(std::uint64_t address) const override {
    return address - module_.base < module_.size ? &module_ : nullptr;
  }
  std::optional<pdb::FrameDataRecord> frame_data_at(const Module&,
                                                    std::uint32_t rva) const override {
    return records_ == Records::frame_data ? pdb_->frame_data_at(rva) : std::nullopt;
  }
  std::optional<pdb::FpoRecord> fpo_at(const Module&, std::uint32_t rva) const override {
    if (records_ != Records::fpo) return {};
    const auto record = pdb_->frame_data_at(rva);
    if (!record || (record->flags & 4) == 0) return {};
    return pdb::FpoRecord{record->rva, record->size, record->locals_size, record->params_size};
  }
  std::optional<std::uint32_t> function_start_at(const Module&, std::uint32_t rva) const override {
    const auto function = pdb_->function_at(rva);
    return function ? std::optional(function->rva) : std::nullopt;
  }

  const base::ByteSource& memory() const { return *memory_; }
  std::vector<Registers> frames;

 private:
  void find_call_sites() {
    const auto base = static_cast<std::uint32_t>(module_.base);
    for (std::uint32_t rva = 0x1010; rva < module_.size && frames.size() < 256; ++rva) {
      std::array<std::byte, code::kBytesBeforeReturn> before;
      if (image_->read(rva - 16, before) != before.size()) continue;
      const base::Bytes bytes{std::span<const std::byte>(before)};
      const auto call = code::call_before(bytes, code::Mode::x86);
      if (!call || call->kind != code::CallKind::direct || !pdb_->frame_data_at(rva - 1)) continue;
      if (frames.empty()) std::ranges::fill(words_, base + rva);
      Registers registers;
      registers.gpr.fill(kStack + 0x8000);
      registers.gpr[esp] = kStack + 0x4000;
      registers.known = 0xff;
      registers.eip = base + rva;
      const auto found = step(*this, *memory_, registers, true, {kStack, kStack + 0x10000, {}});
      if (found) frames.push_back(registers);
    }
  }

  base::MappedFile image_file_, pdb_file_;
  Records records_;
  std::optional<pe::Image> image_;
  std::optional<pdb::Pdb> pdb_;
  Module module_;
  std::optional<pe::ImagePages> code_;
  std::vector<std::uint32_t> words_ = std::vector<std::uint32_t>(0x4000);
  base::SegmentSource stack_{{{kStack, base::Bytes(std::as_bytes(std::span(words_)))}}};
  std::optional<base::LayeredSource> memory_;
};

std::unique_ptr<Frames> open(Records records) {
  auto image = base::MappedFile::open(std::string(kFolder) + "xcpt4.exe");
  auto pdb = base::MappedFile::open(std::string(kFolder) + "xcpt4.pdb");
  if (!image || !pdb) return nullptr;
  return std::make_unique<Frames>(std::move(*image), std::move(*pdb), records);
}

void run_steps(benchmark::State& state, Records records, RuleCache* cache) {
  const auto frames = open(records);
  if (!frames || frames->frames.empty()) return state.SkipWithError("the image is not at hand");
  const StackRange stack{kStack, kStack + 0x10000, {}};
  std::size_t steps = 0;
  for (auto _ : state) {
    for (const Registers& registers : frames->frames)
      benchmark::DoNotOptimize(step(*frames, frames->memory(), registers, true, stack, cache));
    steps += frames->frames.size();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(steps));
  state.counters["frames"] = static_cast<double>(frames->frames.size());
  state.counters["ns_per_frame"] = benchmark::Counter(
      static_cast<double>(steps) * 1e-9, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void Warm(benchmark::State& state) {
  RuleCache cache;
  run_steps(state, static_cast<Records>(state.range(0)), &cache);
}
BENCHMARK(Warm)->ArgName("records")->Arg(0)->Arg(1)->Arg(2);

void Cold(benchmark::State& state) {
  run_steps(state, static_cast<Records>(state.range(0)), nullptr);
}
BENCHMARK(Cold)->ArgName("records")->Arg(0)->Arg(1)->Arg(2);

// A FrameData program alone.
void Program_(benchmark::State& state) {
  const auto program = Program::compile(
      "$T0 $ebp = $eip $T0 4 + ^ = $ebp $T0 ^ = $esp $T0 8 + = $20 $T0 28 - ^ = $23 $T0 32 - ^ = "
      "$24 $T0 36 - ^ =");
  const std::vector<std::uint32_t> words(0x1000);
  const base::SegmentSource memory({{kStack, base::Bytes(std::as_bytes(std::span(words)))}});
  for (auto _ : state) {
    Values values;
    values.set(ebp, kStack + 0x400);
    benchmark::DoNotOptimize(program->evaluate(values, memory));
    benchmark::DoNotOptimize(values);
  }
}
BENCHMARK(Program_)->Name("Program");

}  // namespace
}  // namespace ntstack::unwind::x86
