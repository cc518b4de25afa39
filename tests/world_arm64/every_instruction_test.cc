// At every instruction of the world's modules for ARM64 the unwinder finds the stack that the
// processor knows.
#include <fmt/format.h>

#include <cstring>
#include <iostream>

#include "test_files.h"
#include "world/kernel_scenarios.h"
#include "world_arm64/kernel.h"
#include "world_arm64/truth.h"

namespace ntstack::world {
namespace {

constexpr std::uint64_t large_stack = 0xfffff88020000000, large_stack_size = 0x200000;
constexpr std::uint64_t dpc_stack = 0xfffff80000ba3000;

std::filesystem::path modules() {
  return tests::binary_dir() / "tests" / "world_arm64" / "modules";
}

class Arm64EveryInstruction : public KernelScenarios {
 protected:
  Arm64EveryInstruction() {
    fresh_world();
    map_ = std::make_unique<ImageMap>(modules(), world_->images());
    truth_ = std::make_unique<Arm64Truth>(*map_);
    exempt();
    truth_->watch(machine());
  }

  Arm64Machine& machine() { return world_->machine(); }
  KernelObjects& objects() override { return *world_; }
  GuestMemory& memory() override { return machine(); }
  void start_drivers() override { world_->start_drivers(); }
  bool system_call(const Thread& thread, const SystemCall& call) override {
    return world_->system_call(thread, call);
  }
  std::uint64_t result() const override { return world_->machine().cpu().x[0]; }
  void interrupt(Interrupt which) override {
    const char* handler = which == Interrupt::page_fault ? "KiPageFaultVector"
                          : which == Interrupt::dpc      ? "KiDpcInterruptVector"
                                                         : "KiInterruptVector";
    machine().take_trap({.handler = nt(handler)});
  }
  std::uint64_t idle_wait() const override { return world_->nt("HalProcessorIdleWait"); }
  void wake() override {
    Arm64Cpu cpu = machine().cpu();
    truth_->reached.insert(cpu.pc);
    cpu.pc += 4;
    machine().set_cpu(cpu);
  }
  void fault_and_crash() override;
  std::uint64_t thunk_length() const override { return 8; }
  bool call(std::uint64_t function, std::vector<std::uint64_t> arguments) override {
    return call_on(thread_.stack_base, function, std::move(arguments));
  }

  // A kernel that has not run yet, with a process, a thread and the shapes.
  void fresh_world() final {
    const std::string more[] = {"shapes.sys"};
    world_ = std::make_unique<Arm64World>(modules(), more);
    world_->add_processor(0xfffff80002fe0000, dpc_stack, 0xfffff80000bac000);
    thread_ = world_->create_thread(world_->create_process("w3wp.exe", 0x1a2c), "thread", 0x2204,
                                    0xfffff8801adba000);
    machine().entries[shape("AsmExceptionDispatcher")] = Arm64Entry::context;
    machine().entries[shape("AsmSoftwareCallee")] = Arm64Entry::made_by_hand;
    machine().map(large_stack - large_stack_size, large_stack_size);
    machine().map(expansion_base - expansion_size, expansion_size);
    machine().put(nt("KiWorld"), expansion_base);
    machine().put(nt("KiWorld") + 8, expansion_base - expansion_size);
    machine().before_instruction = [this](std::uint64_t address) {
      truth_->check(address);
      return stops_.contains(address) || (stop_ && stop_(address));
    };
    if (truth_) truth_->watch(machine());
  }

  std::uint64_t shape(const std::string& name) const { return world_->symbol("shapes.sys", name); }
  void exempt();

  bool call_on(std::uint64_t stack, std::uint64_t function,
               std::vector<std::uint64_t> arguments = {}) {
    machine().shadow.clear();
    machine().put(world_->prcb(0) + world_->layout().prcb.current_thread, thread_.ethread);
    machine().reset_cpu();
    Arm64Cpu cpu = world_->kernel_cpu(stack - 0x2000);
    cpu.x[19] = shape("AsmLeaf");  // what KiStartSystemThread calls
    machine().set_cpu(cpu);
    machine().call(function, arguments);
    while (!machine().shadow.empty() && after_stop_ && after_stop_(machine().cpu().pc))
      machine().resume();
    return machine().shadow.empty();
  }

  void run_shapes();
  void run_shape(const std::string& name, std::uint64_t address);
  const LoadedImage& image(const std::string& name) const {
    return *std::ranges::find(world_->images(), name, &LoadedImage::file_name);
  }
  void report(const LoadedImage& subject);
  void expect_no_failures();

  std::unique_ptr<Arm64World> world_;
  std::unique_ptr<ImageMap> map_;
  std::unique_ptr<Arm64Truth> truth_;
  std::vector<Exemption> not_run_;
};

// Where no unwind data can be right.
void Arm64EveryInstruction::exempt() {
  for (const char* name : {"KiSystemService", "KiPageFault", "KiInterrupt", "KiDpcInterrupt"}) {
    const std::string described = name == std::string("KiInterrupt") ? "KiInterruptDispatch" : name;
    truth_->not_asked.push_back(
        {nt(name + std::string("Vector")), nt(described), "the trap frame is not complete yet"});
  }
  for (const std::uint64_t jump :
       {nt("KiTrapExitEret"), nt("KiMachineFrameReturnJump"), shape("AsmExceptionDispatcherJump")})
    truth_->not_asked.push_back({jump, jump + 4, "the frame that says where it leads is released"});
  truth_->give_results = {nt("KiSystemServiceVector")};
  const Exemption undescribed = {
      shape("AsmUndescribed"), shape("DriverEntry"),
      "it calls but is not described: its callers can't be told, and the step says so"};
  truth_->not_asked.push_back(undescribed);
  truth_->not_described.push_back(undescribed);
  not_run_.push_back({shape("AsmLongFilling"), shape("AsmLongFillingEnd"),
                      "fills a function up to more than 1 MB"});
  for (const auto& [name, address] : image("shapes.sys").symbols) {
    if (!name.starts_with("ShapeSwitch_")) continue;
    for (std::uint64_t at = address; at < address + 0x100; at += 4) {
      const bool conditional = (machine().get<std::uint32_t>(at - 4) & 0xff000010) == 0x54000000;
      if (conditional && (machine().get<std::uint32_t>(at) & 0xfc000000) == 0x14000000)
        not_run_.push_back(
            {at, at + 4, "the compiler's jump behind comparisons that leave nothing"});
    }
  }
}

void Arm64EveryInstruction::report(const LoadedImage& subject) {
  const auto all = arm64_instructions_of(subject);
  std::map<std::string, std::size_t> exempt;
  std::size_t missing = 0;
  for (const std::uint64_t address : all) {
    if (truth_->checked.contains(address)) continue;
    missing++;
    std::uint32_t word = 0;
    std::memcpy(&word, subject.pages.data() + (address - subject.base), sizeof word);
    const Exemption* why = find_exemption(truth_->not_asked, address);
    if (why == nullptr) why = find_exemption(not_run_, address);
    if (why != nullptr) {
      exempt[why->reason]++;
    } else if ((word & 0xffe0001f) == 0xd4200000) {
      exempt["a BRK behind a call that does not come back"]++;
    } else {
      ADD_FAILURE() << name_of_address(world_->images(), address)
                    << (truth_->reached.contains(address) ? " is not checked"
                                                          : " is never reached");
    }
  }
  for (const auto& [reason, count] : exempt)
    std::cout << fmt::format("  {} instructions: {}\n", count, reason);
  std::cout << fmt::format("{}: {} instructions, {} checked\n", subject.file_name, all.size(),
                           all.size() - missing);
}

void Arm64EveryInstruction::expect_no_failures() {
  for (const auto& line : truth_->first_failures) ADD_FAILURE() << line;
  std::cout << fmt::format(
      "{} walks, at most {} frames, {} steps, {} of them with a signed return, over {} trap "
      "frames, "
      "{} machine frames, {} contexts; {} failures\n",
      truth_->walks, truth_->deepest, truth_->steps, truth_->signed_steps,
      truth_->crossed[unwind::arm64::Frame::trap_frame],
      truth_->crossed[unwind::arm64::Frame::machine_frame],
      truth_->crossed[unwind::arm64::Frame::context], truth_->failures);
}

void Arm64EveryInstruction::run_shape(const std::string& name, std::uint64_t address) {
  std::vector<std::uint64_t> first = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x1000};
  if (name == "AsmManyEpilogues") {
    for (std::uint64_t i = 10; i < 45; i++) first.push_back(i);
  }
  for (const std::uint64_t a : first) {
    for (const std::uint64_t b : {0, 1, 2, 3, 5, 6, 7, 300}) {
      EXPECT_NO_THROW(call_on(large_stack, address, {a, b})) << name << " " << a << " " << b;
    }
  }
}

// Calls each shape with numbers that lead through all of it.
void Arm64EveryInstruction::run_shapes() {
  const LoadedImage& shapes = image("shapes.sys");
  stops_.insert(shape("ShapeBugCheckHalt"));
  const std::set<std::string> entered_otherwise = {
      "ShapeAsmCallee",    "ShapeBugCheckHalt",          "AsmExceptionDispatcher",
      "AsmSoftwareCallee", "AsmSoftwareContinuation",    "AsmLongFilling",
      "AsmLongFillingEnd", "AsmExceptionDispatcherJump",
  };
  for (const auto& [name, address] : shapes.symbols) {
    const std::uint64_t rva = address - shapes.base;
    if (rva < shapes.text_begin || rva >= shapes.text_end) continue;
    // What an exception would run: the parent's frame is anywhere, as long as it can be written.
    if (name.starts_with("?fin$") || name.starts_with("?dtor$")) {
      EXPECT_NO_THROW(call_on(large_stack, address, {large_stack - 0x8000, large_stack - 0x8000}))
          << name;
    }
    if (name == "DriverEntry" || name == "__C_specific_handler") call_on(large_stack, address);
    if (!name.starts_with("Shape") && !name.starts_with("Asm")) continue;
    if (name.starts_with("ShapeTriple") || name.starts_with("ShapeVariadic")) continue;
    if (!entered_otherwise.contains(name)) run_shape(name, address);
  }
}

// Faults: one of user mode's, and one in a DPC, which is a bugcheck. And a thread's first function.
void Arm64EveryInstruction::fault_and_crash() {
  const Arm64Cpu user = world_->user_cpu(thread_, user_ip);
  world_->take_trap_of_user(thread_, user,
                            {.handler = nt("KiPageFaultVector"), .fault_address = 0x2a70018});
  machine().run(user.pc);
  EXPECT_TRUE(machine().shadow.empty());

  machine().put<std::uint8_t>(world_->prcb(0) + world_->layout().prcb.dpc_routine_active, 1);
  const std::uint64_t halt = nt("KiBugCheckHalt");
  stops_ = {halt, nt("KeSetEvent")};
  after_stop_ = [&, halts = 0](std::uint64_t address) mutable {
    if (address == halt && ++halts == 2) return false;
    if (address == halt)
      wake();
    else
      interrupt(Interrupt::page_fault);
    return true;
  };
  EXPECT_FALSE(call(nt("KeSetEvent"), {}));
  // Its context is the caller's of RtlCaptureContext, where the machine halted.
  const std::uint64_t context = machine().get(world_->prcb(0) + world_->layout().prcb.context);
  EXPECT_EQ(machine().get(context + 0x108), halt);
  after_stop_ = nullptr;
  stops_ = {nt("KiSystemThreadReturned")};
  EXPECT_FALSE(call(nt("KiStartSystemThread"), {}));
}

// What kinds of unwind data the images have, in numbers of functions and of codes.
struct Kinds {
  std::map<pe::arm64::Op, unsigned> codes;
  std::map<unsigned, unsigned> packed;  // by CR
  unsigned homed = 0, packed_fragments = 0, epilogs_in_extended_header = 0,
           codes_in_extended_header = 0, several_epilogs = 0, shared_epilogs = 0;

  void add(const pe::Image& image, const pe::arm64::RuntimeFunction& function) {
    const auto info = pe::arm64::decode(image, function);
    ASSERT_TRUE(info) << info.error().text();
    packed_fragments += info->form == pe::arm64::Form::packed_fragment;
    if (info->form != pe::arm64::Form::xdata) {
      packed[pe::arm64::packed_of(function).cr]++;
      homed += pe::arm64::packed_of(function).homes_parameters;
      return;
    }
    for (const pe::arm64::UnwindCode& code : info->codes) codes[code.op]++;
    several_epilogs += info->epilogs.size() > 1;
    std::set<std::uint32_t> starts;
    for (const auto& epilog : info->epilogs) starts.insert(epilog.index);
    shared_epilogs += starts.size() < info->epilogs.size();
    epilogs_in_extended_header += info->epilogs.size() > 31;
    codes_in_extended_header += info->code_bytes > 31 * 4;
  }
};

TEST_F(Arm64EveryInstruction, IsUnderUnwindDataOfEveryKindThatTheAssemblerWrites) {
  using pe::arm64::Op;
  Kinds kinds;
  for (const LoadedImage& each : world_->images()) {
    const unwind::Module* module = map_->find(each.base);
    const auto& table = std::get<pe::arm64::FunctionTable>(module->functions);
    for (std::size_t i = 0; i < table.size(); i++) kinds.add(*module->image, *table.at(i));
  }
  // The assembler has no directive for SVE's allocation; an ARM64EC context's layout is not public.
  const std::set<Op> none = {Op::alloc_z, Op::ec_context};
  for (unsigned op = 0; op <= static_cast<unsigned>(Op::pac_sign_lr); op++)
    EXPECT_EQ(kinds.codes.contains(Op(op)), !none.contains(Op(op))) << "operation " << op;
  for (const unsigned cr : {0u, 1u, 2u, 3u}) EXPECT_GT(kinds.packed[cr], 0u) << "CR " << cr;
  EXPECT_GT(kinds.homed, 0u);
  EXPECT_GT(kinds.packed_fragments, 0u);
  EXPECT_GT(kinds.several_epilogs, 0u);
  EXPECT_GT(kinds.shared_epilogs, 0u);
  EXPECT_GT(kinds.epilogs_in_extended_header, 0u);
  EXPECT_GT(kinds.codes_in_extended_header, 0u);
  EXPECT_GT(kinds.codes[Op::end_c], 3u);  // fragments, of which the assembler itself makes some
}

TEST_F(Arm64EveryInstruction, OfTheShapesUnwindsToTheTrueStack) {
  run_shapes();
  expect_no_failures();
  report(image("shapes.sys"));
  EXPECT_GT(truth_->signed_steps, 0u);
}

// The frame below an interrupt is not at a call: its very instruction decides.
TEST_F(Arm64EveryInstruction, OfTheShapesUnwindsFromAnInterruptAtIt) {
  const std::uint64_t inside = nt("KiProcessInterrupt"), inside_fault = nt("MmAccessFault");
  const LoadedImage& shapes = image("shapes.sys");
  std::set<std::uint64_t> interrupted;
  std::uint64_t checks = 0;
  machine().before_instruction = [&](std::uint64_t address) {
    if (address == inside || address == inside_fault) checks += truth_->check_here() ? 1 : 0;
    return stops_.contains(address) ||
           (shapes.holds(address) && !find_exemption(truth_->not_asked, address) &&
            interrupted.insert(address).second);
  };
  after_stop_ = [&](std::uint64_t address) {
    if (stops_.contains(address)) return false;
    interrupt(interrupted.size() % 2 == 0 ? Interrupt::device : Interrupt::page_fault);
    return true;
  };
  run_shapes();
  expect_no_failures();
  EXPECT_GE(checks, 3000u);
  EXPECT_EQ(checks, interrupted.size());
  std::cout << fmt::format("{} interrupts, each unwound from its handler\n", checks);
}

TEST_F(Arm64EveryInstruction, OfTheKernelUnwindsToTheTrueStack) {
  run_kernel();
  expect_no_failures();
  for (const LoadedImage& each : world_->images()) {
    if (!each.file_name.starts_with("shapes")) report(each);
  }
  for (const auto kind : {unwind::arm64::Frame::trap_frame, unwind::arm64::Frame::machine_frame})
    EXPECT_GT(truth_->crossed[kind], 0u);
}

}  // namespace
}  // namespace ntstack::world
