// At every instruction of the world's modules the unwinder finds the stack that the processor
// knows.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>

#include "test_files.h"
#include "world/instruction_truth.h"
#include "world/kernel_scenarios.h"
#include "world/kernel_world.h"

namespace ntstack::world {
namespace {

constexpr std::uint64_t large_stack = 0xfffff88020000000, large_stack_size = 0x200000;
constexpr std::uint64_t dpc_stack = 0xfffff80000ba3000;

std::filesystem::path modules() { return tests::binary_dir() / "tests" / "world" / "modules"; }

// What the unwinder reads: the same images, or with their unwind data written anew
// (tests/version_3).
#ifndef NTSTACK_UNWIND_MODULES
#define NTSTACK_UNWIND_MODULES "tests/world/modules"
#endif
std::filesystem::path unwind_modules() { return tests::binary_dir() / NTSTACK_UNWIND_MODULES; }

class EveryInstruction : public KernelScenarios {
 protected:
  EveryInstruction() {
    fresh_world();
    map_ = std::make_unique<ImageMap>(unwind_modules(), world_->images());
    truth_ = std::make_unique<InstructionTruth>(*map_);
    exempt_stubs();
    truth_->watch(machine());
  }

  Machine& machine() { return world_->machine(); }

  KernelObjects& objects() override { return *world_; }
  GuestMemory& memory() override { return machine(); }
  void start_drivers() override { world_->start_drivers(); }
  bool system_call(const Thread& thread, const SystemCall& call) override {
    return world_->system_call(thread, call);
  }
  std::uint64_t result() const override { return world_->machine().cpu().gpr[0]; }
  void interrupt(Interrupt which) override {
    if (which == Interrupt::page_fault)
      machine().interrupt({.handler = nt("KiPageFault"), .error_code = 0});
    else
      machine().interrupt(
          {.handler = nt(which == Interrupt::dpc ? "KiDpcInterrupt" : "KiInterruptDispatch")});
  }
  std::uint64_t idle_wait() const override {
    const std::uint64_t idle = world_->nt("HalProcessorIdle");
    return find_bytes(idle, idle + 0x20, {0xf4}) - 1;
  }
  void wake() override {
    Cpu cpu = machine().cpu();
    truth_->reached.insert(cpu.rip++);
    machine().set_cpu(cpu);
  }
  void fault_and_crash() override;

  // A kernel that has not run yet, with a process, a thread and the shapes. What was checked stays.
  void fresh_world() final {
    const std::string more[] = {"shapes.sys", "shapes_v2.sys"};
    world_ = std::make_unique<KernelWorld>(modules(), windows_10_19041, more);
    world_->add_processor(0xfffff80002fe0000, dpc_stack, 0xfffff80000bac000);
    thread_ = world_->create_thread(world_->create_process("w3wp.exe", 0x1a2c), "thread", 0x2204,
                                    0xfffff8801adba000);
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

  // Where no unwind data can be right, in Windows' entries as in these.
  void exempt_stubs() {
    const char* entering = "the machine frame is not complete yet";
    const char* leaving =
        "RBP is the caller's again and the frame no epilogue: Windows' exits are not described "
        "either";
    const std::uint64_t entry = nt("KiSystemCall64");
    truth_->not_asked.push_back(
        {entry, find_bytes(entry, entry + 0x40, {0x6a, 0x33, 0x51}), entering});
    for (const char* name :
         {"KiSystemServiceExit", "KiPageFault", "KiInterruptDispatch", "KiDpcInterrupt"}) {
      const std::uint64_t begin = nt(name);
      truth_->not_asked.push_back(
          {after_pop_rbp(begin, begin + 0x100), after_iretq(begin, begin + 0x100), leaving});
    }
    for (const char* name : {"KySwitchKernelStackCallout", "KxRetireDpcList"}) {
      const std::uint64_t after = after_iretq(nt(name), nt(name) + 0x40);
      truth_->not_asked.push_back(
          {after - 2, after, "an IRETQ behind a released frame is no epilogue"});
    }
    truth_->loose_entries = {entry};
  }

  std::uint64_t find_bytes(std::uint64_t begin, std::uint64_t end,
                           std::vector<std::uint8_t> bytes) const {
    const auto code = world_->machine().read(begin, end - begin);
    const auto found = std::ranges::search(code, bytes);
    if (found.empty()) throw std::runtime_error("no such instruction");
    return begin + static_cast<std::uint64_t>(found.begin() - code.begin()) + bytes.size();
  }
  std::uint64_t after_pop_rbp(std::uint64_t begin, std::uint64_t end) const {
    return find_bytes(begin, end, {0x5d, 0x48, 0x83, 0xc4, 0x08}) - 4;
  }
  std::uint64_t after_iretq(std::uint64_t begin, std::uint64_t end) const {
    return find_bytes(begin, end, {0x48, 0xcf});
  }

  // Calls a function as the kernel would, on `stack`; true where it came back.
  bool call(std::uint64_t function, std::vector<std::uint64_t> arguments) override {
    return call_on(thread_.stack_base, function, std::move(arguments));
  }
  bool call_on(std::uint64_t stack, std::uint64_t function,
               std::vector<std::uint64_t> arguments = {}) {
    machine().shadow.clear();
    machine().put(world_->prcb(0) + windows_10_19041.prcb.current_thread, thread_.ethread);
    machine().reset_cpu();
    machine().set_gs(world_->pcr(0), 0);
    Cpu cpu;
    for (unsigned i = 0; i < 16; i++) cpu.gpr[i] = 0x1010101010101010ull * i;
    cpu.gpr[4] = stack - 0x2000;
    machine().set_cpu(cpu);
    machine().call(function, arguments);
    while (!machine().shadow.empty() && after_stop_ && after_stop_(machine().cpu().rip))
      machine().resume();
    return machine().shadow.empty();
  }
  // Prints what was checked and what not, and why; fails for what has no reason.
  void report(const LoadedImage& subject, const std::vector<Exemption>& unreachable = {}) {
    const auto all = instructions_of(subject);
    std::size_t missing = 0;
    for (const auto address : all) {
      if (truth_->checked.contains(address)) continue;
      missing++;
      const std::string where = name_of_address(world_->images(), address);
      const Exemption* exempt = find_exemption(truth_->not_asked, address);
      if (exempt == nullptr) exempt = find_exemption(unreachable, address);
      if (exempt != nullptr) {
        std::cout << "  " << where << ": " << exempt->reason << "\n";
      } else if (subject.pages[address - subject.base] == 0xcc) {
        std::cout << "  " << where << ": a trap behind a call that does not come back\n";
      } else if (is_nop(subject, address) && !truth_->reached.contains(address)) {
        std::cout << "  " << where
                  << ": padding, before a loop or behind a call that does not come back\n";
      } else {
        ADD_FAILURE() << where
                      << (truth_->reached.contains(address) ? " is not checked"
                                                            : " is never reached");
      }
    }
    std::cout << fmt::format("{}: {} instructions, {} checked\n", subject.file_name, all.size(),
                             all.size() - missing);
  }

  void expect_no_failures() {
    for (const auto& line : truth_->first_failures) ADD_FAILURE() << line;
    std::cout << fmt::format("{} walks, {} steps, {} failures\n", truth_->walks, truth_->steps,
                             truth_->failures);
  }

  // Calls each shape with numbers that lead through all of it.
  void run_shapes(const LoadedImage& shapes);
  void exempt_shapes(const LoadedImage& shapes);
  const LoadedImage& image(const std::string& name) const {
    return *std::ranges::find(world_->images(), name, &LoadedImage::file_name);
  }
  void interrupt_shapes(const LoadedImage& shapes);

  std::unique_ptr<KernelWorld> world_;
  std::unique_ptr<ImageMap> map_;
  std::unique_ptr<InstructionTruth> truth_;
};

void EveryInstruction::exempt_shapes(const LoadedImage& shapes) {
  const std::uint64_t undescribed = shapes.symbol("AsmUndescribed");
  const Exemption exempt = {
      undescribed, shapes.symbol("DriverEntry"),
      "it calls but is not described: its callers can't be told, and the step says so"};
  truth_->not_asked.push_back(exempt);
  truth_->not_described.push_back(exempt);
  stops_.insert(shapes.symbol("ShapeBugCheckHalt"));
}

void EveryInstruction::run_shapes(const LoadedImage& shapes) {
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
    if (name.starts_with("ShapeTriple") || name.starts_with("ShapeVariadic") ||
        name == "ShapeAsmCallee")
      continue;
    if (stops_.contains(address)) continue;
    for (const std::uint64_t a : {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0x1000}) {
      for (const std::uint64_t b : {0, 1, 2, 3, 300}) {
        EXPECT_NO_THROW(call_on(large_stack, address, {a, b})) << name << " " << a << " " << b;
      }
    }
  }
}

// Faults: one of user mode's, and one in a DPC, which is a bugcheck.
void EveryInstruction::fault_and_crash() {
  world_->make_current(thread_);
  machine().set_gs(thread_.teb, world_->pcr(0));
  machine().shadow.clear();
  Cpu cpu;
  cpu.gpr[4] = thread_.user_stack;
  cpu.rip = user_ip;
  machine().set_cpu(cpu);
  machine().interrupt(
      {.handler = nt("KiPageFault"), .error_code = 4, .kernel_stack = thread_.stack_base - 0x250});
  machine().run(user_ip);
  EXPECT_TRUE(machine().shadow.empty());

  machine().put<std::uint8_t>(world_->prcb(0) + windows_10_19041.prcb.dpc_routine_active, 1);
  stops_ = {find_bytes(nt("KeBugCheckEx"), nt("KeBugCheckEx") + 0x60, {0xf4}) - 1,
            nt("KeSetEvent")};
  after_stop_ = [&](std::uint64_t address) {
    if (address != nt("KeSetEvent")) return false;
    machine().interrupt({.handler = nt("KiPageFault"), .error_code = 0});
    return true;
  };
  EXPECT_FALSE(call(nt("KeSetEvent"), {}));
  // Its context is the caller's of RtlCaptureContext, where the machine halted.
  const std::uint64_t context = machine().get(world_->prcb(0) + windows_10_19041.prcb.context);
  EXPECT_EQ(machine().get(context + 0xf8), machine().cpu().rip);
}

// The frame below an interrupt is not at a call: its very instruction decides.
void EveryInstruction::interrupt_shapes(const LoadedImage& shapes) {
  exempt_shapes(shapes);
  const std::uint64_t inside = nt("KiProcessInterrupt"), inside_fault = nt("MmAccessFault");
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
    if (interrupted.size() % 2 == 0) {
      machine().interrupt({.handler = nt("KiInterruptDispatch")});
    } else {
      machine().interrupt({.handler = nt("KiPageFault"), .error_code = 2});
    }
    return true;
  };
  run_shapes(shapes);
  expect_no_failures();
  EXPECT_GE(checks, 3000u);
  EXPECT_EQ(checks, interrupted.size());
  std::cout << fmt::format("{} interrupts, each unwound from its handler\n", checks);
}

TEST_F(EveryInstruction, OfTheShapesUnwindsToTheTrueStack) {
  exempt_shapes(image("shapes.sys"));
  run_shapes(image("shapes.sys"));
  expect_no_failures();
  report(image("shapes.sys"));
}

TEST_F(EveryInstruction, OfTheShapesUnwindsFromAnInterruptAtIt) {
  interrupt_shapes(image("shapes.sys"));
}

TEST_F(EveryInstruction, OfTheShapesWithVersion2UnwindsToTheTrueStack) {
  exempt_shapes(image("shapes_v2.sys"));
  run_shapes(image("shapes_v2.sys"));
  expect_no_failures();
  report(image("shapes_v2.sys"));
}

TEST_F(EveryInstruction, OfTheShapesWithVersion2UnwindsFromAnInterruptAtIt) {
  interrupt_shapes(image("shapes_v2.sys"));
}

TEST_F(EveryInstruction, OfTheKernelUnwindsToTheTrueStack) {
  run_kernel();
  expect_no_failures();
  for (const LoadedImage& each : world_->images()) {
    if (!each.file_name.starts_with("shapes")) report(each);
  }
}

}  // namespace
}  // namespace ntstack::world
