// Microsoft's compiler's own functions, each run along many of its paths: at every instruction
// every frame is stepped from, by the FrameData of its PDB, by FPO records and by code alone.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>

#include "checker.h"
#include "forced_machine.h"
#include "subject.h"
#include "test_files.h"

namespace ntstack::tests {
namespace {

using namespace unwind::x86;

// The image, what calls its functions, and what stands for its imports.
class ForcedSubject : public CodeMap {
 public:
  explicit ForcedSubject(const X86Subject& subject) : subject_(subject) {}
  const unwind::Module* find(std::uint64_t address) const override {
    if (address - caller_.base < caller_.size) return &caller_;
    if (address - imports_.base < imports_.size && knows_imports) return &imports_;
    return subject_.find(address);
  }
  std::optional<pdb::FrameDataRecord> frame_data_at(const unwind::Module& module,
                                                    std::uint32_t rva) const override {
    return with_frame_data && &module == &subject_.module ? subject_.pdb->frame_data_at(rva)
                                                          : std::nullopt;
  }
  std::optional<pdb::FpoRecord> fpo_at(const unwind::Module& module,
                                       std::uint32_t rva) const override {
    if (derives_fpo) return &module == &subject_.module ? derived(rva) : std::nullopt;
    return with_fpo && &module == &subject_.module ? subject_.pdb->fpo_at(rva) : std::nullopt;
  }
  std::optional<std::uint32_t> function_start_at(const unwind::Module& module,
                                                 std::uint32_t rva) const override {
    if (!with_symbols || &module != &subject_.module) return {};
    const auto function = subject_.pdb->function_at(rva);
    return function ? std::optional(function->rva) : std::nullopt;
  }
  bool with_symbols = true, derives_fpo = false;
  bool with_frame_data = true, with_fpo = true, knows_imports = true;

 private:
  // The record that an old linker would write of a function, made of its FrameData: no compiler at
  // hand writes any. All registers that its records name, and its largest locals.
  std::optional<pdb::FpoRecord> derived(std::uint32_t rva) const {
    auto record = subject_.pdb->frame_data_at(rva);
    if (subject_.pdb->fpo_at(rva)) return {};  // a handler's: the linker writes no others
    if (!record || record->program.find(".raSearchStart") != std::string_view::npos) return {};
    pdb::FpoRecord fpo;
    fpo.locals_size = record->locals_size;
    fpo.params_size = record->params_size;
    fpo.saved_registers = static_cast<std::uint8_t>(record->saved_registers_size / 4);
    while ((record->flags & 4) == 0) {
      record = record->rva != 0 ? subject_.pdb->frame_data_at(record->rva - 1) : std::nullopt;
      if (!record) return {};
    }
    fpo.rva = record->rva;
    fpo.size = record->size;
    fpo.prolog_size = static_cast<std::uint8_t>(record->prolog_size);
    fpo.frame_type = record->program.find("$ebp = $eip") != std::string_view::npos ? 3 : 0;
    return fpo;
  }
  const X86Subject& subject_;
  unwind::Module caller_{ForcedMachine::caller, ForcedMachine::caller_size, nullptr, {}};
  unwind::Module imports_{ForcedMachine::imports, 0x2000, nullptr, {}};
};

// The machine's memory as a dump without some of its code has it.
enum class Hidden { nothing, imports, all_code };
class PartOfMemory : public base::ByteSource {
 public:
  PartOfMemory(const ForcedMachine& machine, Hidden hidden) : machine_(machine), hidden_(hidden) {}
  std::size_t read(std::uint64_t address, std::span<std::byte> out) const override {
    const bool is_stack =
        address >= ForcedMachine::stack_low && address < ForcedMachine::stack_high;
    if (hidden_ == Hidden::all_code && !is_stack) return 0;
    if (hidden_ == Hidden::imports && address - ForcedMachine::imports < 0x2000) return 0;
    return machine_.read(address, out);
  }

 private:
  const ForcedMachine& machine_;
  Hidden hidden_;
};

struct Image {
  const char* stem;
  const char* extension;
};

class RealImages : public testing::TestWithParam<Image> {
 protected:
  void SetUp() override {
    const auto [stem, extension] = GetParam();
    NTSTACK_NEED_DATA(pdb_path, std::string(stem) + ".pdb");
    NTSTACK_NEED_DATA(image_path, std::string(stem) + extension);
    subject_ = std::make_unique<X86Subject>(image_path, pdb_path);
    ASSERT_TRUE(subject_->pdb);
    for (std::uint32_t rva = 0x1000; rva < subject_->module.size; ++rva) {
      const auto record = subject_->pdb->frame_data_at(rva);
      if (!record || record->rva != rva) continue;
      const bool is_funclet = record->program.find(".raSearchStart") != std::string_view::npos;
      if ((record->flags & 4) != 0 || is_funclet) starts_[rva] = is_funclet;
    }
  }

  void run_all(const ForcedSubject& code, Hidden hidden = Hidden::nothing) {
    ForcedMachine machine(*subject_->image);
    const PartOfMemory memory(machine, hidden);
    Checker checker(code, memory, {ForcedMachine::stack_low, ForcedMachine::stack_high, {}});
    // A record alone does not tell a body from what is left of an epilogue.
    checker.compares_registers = hidden != Hidden::all_code;
    const auto base = static_cast<std::uint32_t>(subject_->module.base);
    std::set<std::size_t> seen;
    const auto before = [&](std::uint32_t address) {
      std::size_t mark = address;
      for (const Call& call : machine.shadow()) mark = mark * 1000003 ^ call.return_address;
      if (address - base < subject_->module.size && seen.insert(mark).second)
        checker.check(machine.gpr(), address, machine.shadow());
    };
    for (const auto& [rva, is_handler] : starts_)
      for (std::uint32_t seed = 0; seed < 24; ++seed)
        machine.run(base + rva, seed, is_handler, before);
    figures_ = checker.figures();
    std::printf("%s: %zu functions, runs: returned %zu, spoiled %zu, ended %zu; %s\n",
                GetParam().stem, starts_.size(), machine.returned, machine.spoiled, machine.ended,
                figures_.text().c_str());
    if (std::getenv("NTSTACK_VERBOSE"))
      for (const auto& [text, count] : figures_.doubtful)
        std::printf("  %s (%zu times)\n", text.c_str(), count);
  }
  void expect_no_fault() const {
    EXPECT_EQ(figures_.faults.size(), 0u);
    std::size_t shown = 0;
    for (const auto& [text, count] : figures_.faults)
      if (++shown <= 12) ADD_FAILURE() << text << " (" << count << " times)";
  }

  std::unique_ptr<X86Subject> subject_;
  std::map<std::uint32_t, bool> starts_;  // by RVA: true for handlers
  Figures figures_;
};

TEST_P(RealImages, FrameDataStepsAreRight) {
  const ForcedSubject code(*subject_);
  run_all(code);
  expect_no_fault();
  EXPECT_GT(figures_.instructions, 1000u);
  EXPECT_GE(figures_.youngest_right * 100, figures_.youngest * 99);
  EXPECT_GE(figures_.frames_right * 100, figures_.frames * 98);
}

TEST_P(RealImages, WithoutFrameDataNoWrongFrameIsMoreThanAGuess) {
  ForcedSubject code(*subject_);
  code.with_frame_data = false;
  run_all(code);
  expect_no_fault();
}

TEST_P(RealImages, FpoRecordsMadeOfFrameDataAgreeWithIt) {
  ForcedSubject code(*subject_);
  code.with_frame_data = false;
  code.derives_fpo = true;
  run_all(code);
  expect_no_fault();
  EXPECT_GT(figures_.by_trust[unwind::Trust::fpo], 500u);
}

TEST_P(RealImages, FpoRecordsWithoutAnyCodeAreGuessesByTheirSizes) {
  ForcedSubject code(*subject_);
  code.with_frame_data = false;
  code.derives_fpo = true;
  run_all(code, Hidden::all_code);
  expect_no_fault();
  // At a function's first instruction the return address is at ESP.
  EXPECT_LT(figures_.by_trust[unwind::Trust::fpo], figures_.instructions / 5);
}

TEST_P(RealImages, WithoutSymbolsNoWrongFrameIsMoreThanAGuess) {
  ForcedSubject code(*subject_);
  code.with_frame_data = code.with_fpo = code.with_symbols = false;
  run_all(code);
  expect_no_fault();
}

TEST_P(RealImages, WithoutTheImportsCodeNoWrongFrameIsMoreThanAGuess) {
  ForcedSubject code(*subject_);
  code.knows_imports = false;
  run_all(code, Hidden::imports);
  expect_no_fault();
}

TEST_P(RealImages, WithoutAnyCodeNoWrongFrameIsMoreThanAGuess) {
  const ForcedSubject code(*subject_);
  run_all(code, Hidden::all_code);
  expect_no_fault();
}

INSTANTIATE_TEST_SUITE_P(Msvc, RealImages,
                         testing::Values(Image{"seh/x86/nested_collided", ".exe"},
                                         Image{"seh/x86/xcpt4", ".exe"},
                                         Image{"seh/x86/xframe_eh_exe", ".exe"},
                                         Image{"seh/x86/xframe_eh_dll", ".dll"},
                                         Image{"symbolic/crash", ".exe"}));

}  // namespace
}  // namespace ntstack::tests
