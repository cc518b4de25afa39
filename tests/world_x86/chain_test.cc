// At every instruction that 32-bit code executes, the whole chain of frames is stepped down, each
// step from the registers that the one before gave, and compared with the shadow stack: with
// FrameData, with frame pointers, with frame pointers and no PDB, and with neither.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <iostream>
#include <map>
#include <memory>
#include <set>

#include "base/mapped_file.h"
#include "pdb/pdb.h"
#include "pe/image.h"
#include "test_files.h"
#include "unwind/x86_cache.h"
#include "unwind/x86_trap.h"
#include "world/image_map.h"
#include "world_x86/kernel.h"

namespace ntstack::world {
namespace {

using namespace unwind::x86;

constexpr std::uint32_t user_ip = 0x77a62a2a;
constexpr std::uint32_t dpc_stack = 0x8b4ba000, large_stack = 0x92400000, expanded = 0x92d70000,
                        first_stack = 0x8f8c3000;
constexpr std::uint32_t large_size = 0x200000, expanded_size = 0x12000, usual_size = 0x3000;
constexpr char good_path[] = "\\Device\\Mup\\fileserver\\www\\web.config";

// The world's images as the unwinder's code map, read from their files and PDBs.
class X86Code : public CodeMap {
 public:
  X86Code(const std::filesystem::path& folder, std::span<const LoadedImage> images, bool with_pdbs)
      : with_pdbs_(with_pdbs) {
    for (const LoadedImage& each : images) files_.push_back(open(folder, each));
  }
  const unwind::Module* find(std::uint64_t address) const override {
    const File* file = file_of(address);
    return file ? &file->module : nullptr;
  }
  std::optional<pdb::FrameDataRecord> frame_data_at(const unwind::Module& module,
                                                    std::uint32_t rva) const override {
    return with_pdbs_ ? file_of(module.base)->pdb->frame_data_at(rva) : std::nullopt;
  }
  std::optional<pdb::FpoRecord> fpo_at(const unwind::Module& module,
                                       std::uint32_t rva) const override {
    return with_pdbs_ ? file_of(module.base)->pdb->fpo_at(rva) : std::nullopt;
  }

 private:
  struct File {
    base::MappedFile image_file, pdb_file;
    std::unique_ptr<pe::Image> image;
    std::unique_ptr<pdb::Pdb> pdb;
    unwind::Module module;
  };
  static File open(const std::filesystem::path& folder, const LoadedImage& each) {
    auto image_file = base::MappedFile::open(folder / each.file_name);
    auto pdb_file = base::MappedFile::open(folder / each.pdb_name);
    if (!image_file || !pdb_file) throw std::runtime_error("cannot open " + each.file_name);
    File file{std::move(*image_file), std::move(*pdb_file), nullptr, nullptr, {}};
    file.image = std::make_unique<pe::Image>(*pe::Image::from_file(file.image_file.bytes()));
    file.pdb = std::make_unique<pdb::Pdb>(std::move(*pdb::Pdb::open(file.pdb_file.bytes())));
    file.module = {each.base, each.size, file.image.get(), {}};
    return file;
  }
  const File* file_of(std::uint64_t address) const {
    for (const File& file : files_)
      if (address - file.module.base < file.module.size) return &file;
    return nullptr;
  }

  bool with_pdbs_;
  std::vector<File> files_;
};

// How the steps from one kind of frame came out.
struct Shares {
  std::size_t known = 0;    // right, and said to be
  std::size_t guessed = 0;  // right, said to be a guess
  std::size_t missed = 0;   // wrong and said to be a guess, or no step at all
  std::size_t wrong = 0;    // wrong, and said to be known
  std::size_t all() const { return known + guessed + missed + wrong; }
  std::string text() const {
    return fmt::format("{} of {} known ({:.2f} %), {} guessed, {} missed, {} wrong", known, all(),
                       100.0 * static_cast<double>(known) / static_cast<double>(all()), guessed,
                       missed, wrong);
  }
};

struct Variant {
  const char* name;
  const char* modules;
  bool with_pdbs;
  bool callers_are_known;  // of every call site
};

class X86Chain : public testing::TestWithParam<Variant> {
 protected:
  X86Chain() {
    fresh_world();
    code_ = std::make_unique<X86Code>(folder(), world_->images(), GetParam().with_pdbs);
  }

  static std::filesystem::path folder() {
    return tests::binary_dir() / "tests" / "world_x86" / "modules" / GetParam().modules;
  }
  X86Machine& machine() { return world_->machine(); }
  std::uint32_t nt(const std::string& name) const { return world_->at(name); }

  // A kernel that has not run yet, with a process, a thread and the shapes.
  void fresh_world() {
    const std::string more[] = {"shapes.sys"};
    world_ = std::make_unique<X86World>(folder(), windows_10_19041_x86, more);
    memory_ = std::make_unique<MachineMemory>(machine());
    world_->add_processor(0x807c4000, dpc_stack);
    thread_ = world_->create_thread(world_->create_process("w3wp.exe", 0x1a2c), "thread", 0x2204,
                                    first_stack);
    machine().map(large_stack - large_size, large_size);
    machine().map(expanded - expanded_size, expanded_size);
    machine().put(nt("KiWorld"), expanded);
    machine().put(nt("KiWorld") + 4, expanded - expanded_size);
    machine().before_instruction = [this](std::uint32_t address) {
      check(address);
      return stops_.contains(address) || (stop_ && stop_(address));
    };
  }

  static StackRange stack_of(std::uint32_t sp) {
    constexpr std::pair<std::uint32_t, std::uint32_t> stacks[] = {{dpc_stack, usual_size},
                                                                  {large_stack, large_size},
                                                                  {expanded, expanded_size},
                                                                  {first_stack, usual_size}};
    for (const auto& [base, size] : stacks)
      if (sp >= base - size && sp <= base) return {base - size, base};
    return {sp & ~0xfffu, (sp & ~0xfffu) + 0x1000};
  }

  // Where the stack that `sp` is on was entered from: a walker knows it from the KSTACK_CONTROL, or
  // from the DPC stack's end.
  std::uint32_t entered_from(std::uint32_t sp) {
    if (stack_of(sp).high == dpc_stack) return machine().get<std::uint32_t>(dpc_stack - 4);
    return machine().get<std::uint32_t>(expanded - 0x50 + 0x18);
  }

  void check(std::uint32_t address) {
    unsigned& seen = seen_[{address, machine().shadow.size()}];
    if (seen++ < 2) walk();
  }
  void walk();
  void step_to(Registers& registers, const X86ShadowFrame& truth, bool is_call_site);
  bool cross_trap(Registers& registers, const X86ShadowFrame& truth, bool youngest);
  std::string compare(const Step& step, const X86ShadowFrame& truth) const;
  static bool is_caller(const Registers& registers, const X86ShadowFrame& truth, bool system_call);
  static Registers true_registers(const X86ShadowFrame& frame, std::uint32_t known);
  void note(const std::string& what, const Registers& at);
  // Hand-written code that moves its own return address along, or makes its caller's frame.
  bool moves_its_return(std::uint32_t address) const {
    const std::uint32_t probe = symbol("_chkstk");
    return address - probe < symbol("_chkstk_end") - probe ||
           address - symbol("AsmMakeFrame") < symbol("AsmMadeFrame") - symbol("AsmMakeFrame");
  }
  std::uint32_t symbol(const char* name, const char* image = "shapes.sys") const {
    return static_cast<std::uint32_t>(world_->symbol(image, name));
  }

  // Calls a function as the kernel would, on `stack`; true where it came back.
  bool call(std::uint32_t function, std::vector<std::uint32_t> arguments, std::uint32_t stack);
  std::uint32_t open(const std::string& path, std::uint32_t service, std::uint32_t options);
  void run_shapes();
  void run_kernel();
  void interrupt_at(const char* image, const char* name, const char* handler, bool fault);
  void report() const;

  std::unique_ptr<X86World> world_;
  std::unique_ptr<MachineMemory> memory_;
  std::unique_ptr<X86Code> code_;
  RuleCache cache_;
  Thread thread_;
  std::set<std::uint32_t> stops_;
  std::function<bool(std::uint32_t)> stop_;
  std::function<bool(std::uint32_t)> after_stop_;
  std::map<std::pair<std::uint32_t, std::size_t>, unsigned> seen_;

  std::size_t walks_ = 0, traps_ = 0, not_asked_ = 0;
  // Callers of call sites, those on another stack apart; of the youngest frame and interrupted
  // ones.
  Shares call_sites_, switches_, elsewhere_;
  std::map<std::string, std::size_t> notes_;
};

Registers X86Chain::true_registers(const X86ShadowFrame& frame, std::uint32_t known) {
  Registers registers;
  registers.gpr = frame.caller_gpr;
  registers.eip = frame.return_address;
  registers.known = known;
  return registers;
}

constexpr std::uint32_t nonvolatile = 1u << ebx | 1u << esp | 1u << ebp | 1u << esi | 1u << edi;

void X86Chain::walk() {
  walks_++;
  const X86Cpu cpu = machine().cpu();
  Registers registers;
  registers.gpr = cpu.gpr;
  registers.eip = cpu.eip;
  registers.known = 0xff;
  bool is_call_site = false, youngest = true;
  for (auto frame = machine().shadow.rbegin(); frame != machine().shadow.rend(); ++frame) {
    if (!code_->find(frame->return_address) && !frame->trap) return;  // the oldest of all
    if (frame->task) {  // its registers are in the KTSS, every one
      registers = true_registers(*frame, 0xff);
      is_call_site = false;
    } else if (frame->trap) {
      if (!cross_trap(registers, *frame, youngest)) return;
      is_call_site = false;
    } else {
      step_to(registers, *frame, is_call_site);
      is_call_site = true;
    }
    youngest = false;
  }
}

// A system call keeps EAX, ECX and EDX nowhere.
bool X86Chain::is_caller(const Registers& registers, const X86ShadowFrame& truth,
                         bool system_call) {
  for (const Name name : {eax, ecx, edx, ebx, esp, ebp, esi, edi}) {
    const bool kept = !system_call || name > edx;
    if (kept && registers.gpr[name] != truth.caller_gpr[name]) return false;
  }
  return registers.eip == truth.return_address;
}

// The handler's EBP is at the trap frame, except while it is made and undone. False at user mode.
bool X86Chain::cross_trap(Registers& registers, const X86ShadowFrame& truth, bool youngest) {
  const std::uint32_t at = truth.slot - 0x68;
  const bool made = registers.gpr[ebp] == at &&
                    machine().get<std::uint32_t>(at + 8) == 0xbadb0d00 &&
                    machine().get<std::uint32_t>(at + 4) == truth.return_address;
  if (youngest && !made) {
    not_asked_++;
  } else {
    traps_++;
    const auto trap = read_trap_frame(*memory_, at, TrapLayout::since_8_1);
    if (!registers.knows(ebp) || registers.gpr[ebp] != at)
      note("EBP is not at the trap frame", registers);
    else if (!trap || !is_caller(trap->registers, truth, truth.entry == nt("KiFastCallEntry")))
      note("the trap frame is not what the processor had", registers);
  }
  registers = true_registers(truth, 0xff);
  return code_->find(truth.return_address) != nullptr;
}

std::string X86Chain::compare(const Step& step, const X86ShadowFrame& truth) const {
  if (step.caller.eip != truth.return_address || step.return_slot != truth.slot)
    return fmt::format("return address {:#x} at {:#x}, is {:#x} at {:#x}", step.caller.eip,
                       step.return_slot, truth.return_address, truth.slot);
  for (const Name name : {ebx, esp, ebp, esi, edi}) {
    if (step.caller.knows(name) && step.caller.gpr[name] != truth.caller_gpr[name])
      return fmt::format("register {} is not the caller's", int{name});
  }
  return {};
}

void X86Chain::step_to(Registers& registers, const X86ShadowFrame& truth, bool is_call_site) {
  const bool switches = stack_of(registers.gpr[esp]).high != stack_of(truth.slot).high;
  const bool own_way = !is_call_site && (switches || moves_its_return(registers.eip));
  if (switches && is_call_site) {
    registers.gpr[esp] = entered_from(registers.gpr[esp]);
    registers.arguments = 0;
  }
  if (own_way) {
    not_asked_++;
    registers = true_registers(truth, nonvolatile);
    return;
  }
  const auto found =
      step(*code_, *memory_, registers, is_call_site, stack_of(registers.gpr[esp]), &cache_);
  Shares& shares = !is_call_site ? elsewhere_ : switches ? switches_ : call_sites_;
  const std::string wrong = found ? compare(*found, truth) : std::string(text_of(found.error()));
  const bool is_guess = found && found->trust == unwind::Trust::scan;
  if (wrong.empty())
    (is_guess ? shares.guessed : shares.known)++;
  else if (!found || is_guess)
    shares.missed++;
  else
    shares.wrong++;
  if (!wrong.empty() && found && !is_guess)
    note(fmt::format("{}: wrong", unwind::name_of(found->trust)), registers);
  else if (is_call_site && (is_guess || !found))
    note(is_guess ? "call site: guessed" : "call site: " + wrong, registers);
  else if (is_guess || !found)
    note(is_guess ? "elsewhere: guessed" : "elsewhere: " + wrong, registers);
  if (wrong.empty() && !is_guess)
    registers = found->caller;
  else
    registers = true_registers(truth, nonvolatile);
}

void X86Chain::note(const std::string& what, const Registers& at) {
  const std::string name = name_of_address(world_->images(), at.eip);
  notes_[fmt::format("{} in {}", what, name)]++;
}

bool X86Chain::call(std::uint32_t function, std::vector<std::uint32_t> arguments,
                    std::uint32_t stack) {
  machine().shadow.clear();
  world_->make_current(thread_);
  X86Cpu cpu;
  for (unsigned i = 0; i < 8; i++) cpu.gpr[i] = 0x10101010u * i;
  cpu.gpr[4] = stack - 0x600;
  machine().set_cpu(cpu);
  machine().call(function, arguments);
  while (!machine().shadow.empty() && after_stop_ && after_stop_(machine().cpu().eip))
    machine().resume();
  return machine().shadow.empty();
}

std::uint32_t X86Chain::open(const std::string& path, std::uint32_t service,
                             std::uint32_t options) {
  const std::uint64_t attributes = world_->user_object_attributes(thread_, path);
  const std::uint64_t here = thread_.user_stack;
  std::vector<std::uint64_t> arguments = {attributes, here + 0x80};
  if (service == service_create_file)
    arguments = {here + 0x80, 0x120089, attributes, here + 0x90, 0, options};
  EXPECT_TRUE(world_->system_call(thread_, {service, user_ip, arguments})) << path;
  return machine().cpu().gpr[0];
}

void X86Chain::run_shapes() {
  const auto& images = world_->images();
  const LoadedImage& shapes = *std::ranges::find(images, "shapes.sys", &LoadedImage::file_name);
  stops_ = {symbol("ShapeBugCheckHalt")};
  for (const auto& [name, address] : shapes.symbols) {
    const std::uint64_t rva = address - shapes.base;
    if (rva < shapes.text_begin || rva >= shapes.text_end || address == *stops_.begin()) continue;
    const bool shape = name.starts_with("Shape") || name.starts_with("Asm");
    if (!shape || name.starts_with("ShapeTriple") || name.starts_with("ShapeVariadic") ||
        name.starts_with("ShapeFloats") || name == "ShapeAsmCallee" || name == "AsmCdecl" ||
        name == "AsmMakeFrame" || name == "AsmRemoveFrame")
      continue;
    for (const std::uint32_t a : {0u, 1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u, 9u, 0x1000u}) {
      for (const std::uint32_t b : {0u, 1u, 2u, 3u, 300u}) {
        EXPECT_NO_THROW(call(static_cast<std::uint32_t>(address), {a, b}, large_stack - 0x2000))
            << name << " " << a << " " << b;
      }
    }
  }
}

// Every instruction that the query of a file executes in `name` is interrupted once.
void X86Chain::interrupt_at(const char* image, const char* name, const char* handler, bool fault) {
  const std::uint32_t begin = symbol(name, image);
  std::set<std::uint32_t> done;
  stop_ = [&, begin](std::uint32_t address) {
    return address - begin < 0x40 && machine().shadow.back().entry == begin &&
           done.insert(address).second;
  };
  const std::uint64_t attributes = world_->user_object_attributes(thread_, good_path);
  bool returned = world_->system_call(
      thread_, {service_query_full_attributes, user_ip, {attributes, thread_.user_stack + 0x80}});
  while (!returned) {
    machine().interrupt({.handler = nt(handler),
                         .error_code = fault ? std::optional<std::uint32_t>(0) : std::nullopt});
    machine().resume();
    returned = machine().shadow.empty();
  }
  stop_ = nullptr;
  EXPECT_GT(done.size(), 3u) << name;
}

void X86Chain::run_kernel() {
  stops_.clear();
  world_->start_drivers();
  EXPECT_EQ(open(good_path, service_query_full_attributes, 0), 0u);
  EXPECT_EQ(open(good_path, service_create_file, 0), 0u);
  EXPECT_EQ(open(good_path, service_create_file, 1), 0u);
  world_->queue_capture(thread_);
  EXPECT_EQ(open(good_path, service_create_file, 0), 0u);
  EXPECT_EQ(open("\\Device\\Mup\\f\\www", service_create_file, 0), 0u);
  EXPECT_EQ(open("\\Device", service_create_file, 0), 0xc0000033u);
  EXPECT_EQ(open("\\Device\\Mop\\server\\share", service_create_file, 0), 0xc0000034u);
  EXPECT_EQ(open("\\Device\\Mup\\ab", service_query_full_attributes, 0), 0xc00000beu);
  EXPECT_TRUE(world_->system_call(thread_, {service_close, user_ip, {4}}));
  EXPECT_TRUE(world_->system_call(thread_, {99, user_ip, {}}));
  for (const char* handler : {"KiInterruptDispatch", "KiTrap0E", "KiDpcInterrupt"}) {
    const bool fault = handler == std::string("KiTrap0E");
    interrupt_at("ntoskrnl.exe", "RtlHashUnicodeString", handler, fault);
    interrupt_at("ntoskrnl.exe", "IofCallDriver", handler, fault);
    interrupt_at("ntoskrnl.exe", "ObOpenObjectByName", handler, fault);
    interrupt_at("mup.sys", "MupCreate", handler, fault);
    interrupt_at("rdbss.sys", "RxFsdDispatch", handler, fault);
  }
  // A DPC on its own stack, twice; then a fault in it, which is a bugcheck.
  const auto dpc = static_cast<std::uint32_t>(world_->pool(0x40)),
             list = static_cast<std::uint32_t>(world_->pool(0x100));
  machine().put(dpc + 0xc, symbol("RxTimerDpc", "rdbss.sys"));
  machine().put(dpc + 0x10, list);
  machine().put(nt("KiWorld") + 0x10, dpc);
  interrupt_at("mup.sys", "MupCreate", "KiDpcInterrupt", false);
  machine().put(nt("KiWorld") + 0x10, dpc);
  machine().put(dpc + 0x10, std::uint32_t{0xf00de40});
  const std::uint32_t create = symbol("MupCreate", "mup.sys");
  stop_ = [=](std::uint32_t address) { return address == create; };
  const std::uint64_t attributes = world_->user_object_attributes(thread_, good_path);
  EXPECT_FALSE(world_->system_call(
      thread_, {service_query_full_attributes, user_ip, {attributes, thread_.user_stack}}));
  machine().interrupt({.handler = nt("KiDpcInterrupt")});
  machine().stop_at_faults = true;
  machine().resume();
  machine().stop_at_faults = false;
  machine().interrupt({.handler = nt("KiTrap0E"), .error_code = 0});
  stop_ = nullptr;
  stops_ = {nt("KeBugCheckExHalt")};
  machine().resume();
  EXPECT_EQ(machine().cpu().eip, nt("KeBugCheckExHalt"));
}

void X86Chain::report() const {
  std::cout << fmt::format("{}: {} walks, {} trap frames crossed, {} not asked\n", GetParam().name,
                           walks_, traps_, not_asked_);
  std::cout << "  callers of call sites: " << call_sites_.text() << "\n";
  std::cout << "  of those on another stack: " << switches_.text() << "\n";
  std::cout << "  at other instructions: " << elsewhere_.text() << "\n";
  for (const auto& [what, count] : notes_)
    std::cout << fmt::format("    {} times {}\n", count, what);
}

TEST_P(X86Chain, IsTheShadowStackOrSaysThatItGuesses) {
  run_shapes();
  fresh_world();
  run_kernel();
  report();
  EXPECT_EQ(call_sites_.wrong, 0u);
  EXPECT_EQ(switches_.wrong, 0u);
  EXPECT_EQ(elsewhere_.wrong, 0u);
  EXPECT_GT(switches_.all(), 1000u);
  // Functions that leave their stack and come back, SwapContext and KiDispatchInterrupt, are not
  // decided by code; and without a record nothing tells of KiDispatchInterrupt's frame.
  EXPECT_GE(elsewhere_.known * 100, elsewhere_.all() * 98);
  if (!GetParam().callers_are_known) return;
  EXPECT_EQ(call_sites_.known, call_sites_.all());
  if (GetParam().with_pdbs) {
    EXPECT_EQ(switches_.known + switches_.guessed, switches_.all());
  }
}

INSTANTIATE_TEST_SUITE_P(Modules, X86Chain,
                         testing::Values(Variant{"FrameData", "19041-omit", true, true},
                                         Variant{"frame pointers", "19041-keep", true, true},
                                         Variant{"frame pointers, no PDB", "19041-keep", false,
                                                 true},
                                         Variant{"neither", "19041-omit", false, false}));

}  // namespace
}  // namespace ntstack::world
