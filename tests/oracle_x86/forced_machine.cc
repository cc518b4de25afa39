#include "forced_machine.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "code/instruction.h"

namespace ntstack::tests {
namespace {

constexpr std::array<int, 8> kIds = {UC_X86_REG_EAX, UC_X86_REG_ECX, UC_X86_REG_EDX,
                                     UC_X86_REG_EBX, UC_X86_REG_ESP, UC_X86_REG_EBP,
                                     UC_X86_REG_ESI, UC_X86_REG_EDI};
constexpr std::size_t kMostInstructions = 4000, kMostPages = 64;
constexpr std::uint32_t kConditions = 0x8d5;  // the flags that conditional jumps look at

// Bytes of arguments of imports that remove them (Microsoft's documentation); all others are
// cdecl's.
const std::map<std::string, int> kArguments = {{"RaiseException", 16},
                                               {"InitializeSListHead", 4},
                                               {"GetSystemTimeAsFileTime", 4},
                                               {"QueryPerformanceCounter", 4},
                                               {"IsProcessorFeaturePresent", 4},
                                               {"TerminateProcess", 8},
                                               {"SetUnhandledExceptionFilter", 4},
                                               {"UnhandledExceptionFilter", 4},
                                               {"GetModuleHandleW", 4},
                                               {"VirtualFree", 12},
                                               {"VirtualAlloc", 16},
                                               {"GetProcAddress", 8},
                                               {"LoadLibraryExW", 12},
                                               {"DisableThreadLibraryCalls", 4},
                                               {"CloseHandle", 4},
                                               {"WaitForMultipleObjects", 16},
                                               {"CreateFileW", 28},
                                               {"SetEvent", 4},
                                               {"ResetEvent", 4},
                                               {"EnterCriticalSection", 4},
                                               {"LeaveCriticalSection", 4},
                                               {"InitializeCriticalSection", 4},
                                               {"DeleteCriticalSection", 4},
                                               {"LoadLibraryW", 4},
                                               {"FreeLibrary", 4},
                                               {"RtlCaptureContext", 4},
                                               {"ReleaseSemaphore", 12},
                                               {"GetProcessId", 4},
                                               {"WaitForSingleObject", 8},
                                               {"TerminateThread", 8},
                                               {"CreateThread", 24},
                                               {"CreateSemaphoreW", 16},
                                               {"VirtualQueryEx", 16}};
const std::set<std::string> kNeverReturn = {"_CxxThrowException",
                                            "exit",
                                            "_exit",
                                            "terminate",
                                            "_wassert",
                                            "_longjmpex",
                                            "__CxxLongjmpUnwind",
                                            "_invalid_parameter_noinfo_noreturn",
                                            "?_Xlength_error@std@@YAXPBD@Z",
                                            "?_Xout_of_range@std@@YAXPBD@Z"};

std::array<std::uint8_t, 4> import_code(const std::string& name) {
  if (kNeverReturn.contains(name)) return {0xf4, 0, 0, 0};
  const auto removed = kArguments.find(name);
  if (removed == kArguments.end()) return {0xc3, 0, 0, 0};
  return {0xc2, static_cast<std::uint8_t>(removed->second), 0, 0};
}

std::string text_at(const pe::Image& image, std::uint32_t rva) {
  std::string text;
  while (const auto c = image.get<char>(rva++)) {
    if (*c == 0 || text.size() > 200) break;
    text += *c;
  }
  return text;
}

}  // namespace

ForcedMachine::ForcedMachine(const pe::Image& image)
    : base_(static_cast<std::uint32_t>(image.preferred_base())), size_(image.size_of_image()) {
  uc_open(UC_ARCH_X86, UC_MODE_32, &engine_);
  uc_mem_map(engine_, stack_low, stack_high - stack_low, UC_PROT_ALL);
  uc_mem_map(engine_, caller, caller_size, UC_PROT_ALL);
  uc_mem_map(engine_, imports, 0x2000, UC_PROT_ALL);
  uc_mem_map(engine_, scratch, 0x10000, UC_PROT_ALL);
  for (std::uint32_t at = scratch; at < scratch + 0x10000; at += 4)
    uc_mem_write(engine_, at, &at, 4);
  uc_mem_map(engine_, 0, 0x1000, UC_PROT_ALL);  // FS begins at 0
  uc_mem_map(engine_, base_, (size_ + 0xfffu) & ~0xfffu, UC_PROT_ALL);
  for (const auto& section : image.sections()) {
    std::vector<std::byte> bytes(section.virtual_size);
    bytes.resize(image.read(section.rva, bytes));
    uc_mem_write(engine_, base_ + section.rva, bytes.data(), bytes.size());
    if (!section.executable()) continue;
    code_.emplace_back(base_ + section.rva, section.virtual_size);
    uc_mem_protect(engine_, base_ + section.rva, (section.virtual_size + 0xfffu) & ~0xfffu,
                   UC_PROT_READ | UC_PROT_EXEC);
  }
  map_imports(image);
  const auto on_code = [](uc_engine*, std::uint64_t address, std::uint32_t size, void* self) {
    static_cast<ForcedMachine*>(self)->on_instruction(static_cast<std::uint32_t>(address), size);
  };
  const auto on_missing = [](uc_engine*, uc_mem_type, std::uint64_t address, int, std::int64_t,
                             void* self) {
    return static_cast<ForcedMachine*>(self)->map_zeros(address);
  };
  void (*code)(uc_engine*, std::uint64_t, std::uint32_t, void*) = on_code;
  bool (*missing)(uc_engine*, uc_mem_type, std::uint64_t, int, std::int64_t, void*) = on_missing;
  uc_hook hook = 0;
  uc_hook_add(engine_, &hook, UC_HOOK_CODE, reinterpret_cast<void*>(code), this, 1, 0);
  uc_hook_add(engine_, &hook, UC_HOOK_MEM_READ_UNMAPPED | UC_HOOK_MEM_WRITE_UNMAPPED,
              reinterpret_cast<void*>(missing), this, 1, 0);
}

ForcedMachine::~ForcedMachine() { uc_close(engine_); }

// IMAGE_IMPORT_DESCRIPTOR (winnt.h): names at 0, addresses at 16; each name behind a hint.
void ForcedMachine::map_imports(const pe::Image& image) {
  std::uint32_t at = imports;
  const auto word = [&](std::uint32_t rva) { return image.get<std::uint32_t>(rva).value_or(0); };
  for (std::uint32_t each = image.directory(pe::Directory::imports).rva; word(each + 16) != 0;
       each += 20) {
    for (std::uint32_t n = 0; word(word(each) + n) != 0; n += 4) {
      const std::string name = text_at(image, word(word(each) + n) + 2);
      const auto code = import_code(name);
      uc_mem_write(engine_, at, code.data(), code.size());
      uc_mem_write(engine_, base_ + word(each + 16) + n, &at, 4);
      at += 16;
    }
  }
}

bool ForcedMachine::map_zeros(std::uint64_t address) {
  if (mapped_.size() == kMostPages) return false;
  const auto page = static_cast<std::uint32_t>(address) & ~0xfffu;
  if (uc_mem_map(engine_, page, 0x1000, UC_PROT_ALL) != UC_ERR_OK) return false;
  mapped_.push_back(page);
  return true;
}

std::array<std::uint32_t, 8> ForcedMachine::gpr() const {
  std::array<std::uint32_t, 8> values{};
  for (std::size_t i = 0; i < values.size(); ++i) uc_reg_read(engine_, kIds[i], &values[i]);
  return values;
}

std::size_t ForcedMachine::read(std::uint64_t address, std::span<std::byte> out) const {
  return read_pages(engine_, address, out);
}

bool ForcedMachine::is_intact() const {
  return std::ranges::all_of(shadow_.begin(), shadow_.end() - 1, [&](const Call& call) {
    return get<std::uint32_t>(call.slot) == call.return_address;
  });
}

bool ForcedMachine::is_code(std::uint32_t address) const {
  return std::ranges::any_of(
      code_, [&](const auto& range) { return address - range.first < range.second; });
}

// The call or return that the last instruction was. False where the run is over.
bool ForcedMachine::follow(std::uint32_t address, std::uint32_t sp) {
  if (was_call_) {
    made_.slot = sp;
    made_.function = address;
    shadow_.push_back(made_);
  }
  if (was_return_) {
    spoiled_ = shadow_.back().return_address != address;
    shadow_.pop_back();
    if (shadow_.size() == 1) done_ = address == back_;
  }
  was_call_ = was_return_ = false;
  return !spoiled_ && !done_;
}

void ForcedMachine::on_instruction(std::uint32_t address, std::uint32_t) {
  const auto now = gpr();
  const bool ours = is_code(address) || address - imports < 0x2000 || address == site_;
  if (!follow(address, now[4]) || !ours || executed.size() > (1u << 20)) {
    uc_emu_stop(engine_);
    return;
  }
  std::array<std::byte, 15> bytes{};
  if (read(address, bytes) != bytes.size()) return;
  const auto i = code::decode(base::Bytes(std::span<const std::byte>(bytes)), code::Mode::x86);
  // A handler that takes its parent's ESP goes on in a frame that is not there.
  const bool takes_esp = i && i->is(code::Map::one_byte, 0x8b) && i->reg() == 4 && i->mod() != 3;
  if (!i || i->is(code::Map::one_byte, 0xf4) || takes_esp) {
    uc_emu_stop(engine_);
    return;
  }
  if (address != site_) {
    spoiled_ = !is_intact() || now[4] < stack_low + 0x1000;
    if (spoiled_) {
      uc_emu_stop(engine_);
      return;
    }
    executed.insert(address);
    (*before_)(address);
  }
  const bool one_byte = i->map == code::Map::one_byte && !i->vex;
  const bool conditional = (one_byte && (i->opcode & 0xf0) == 0x70) ||
                           (i->map == code::Map::map_0f && (i->opcode & 0xf0) == 0x80);
  if (conditional) {
    const std::uint32_t flags = (static_cast<std::uint32_t>(random_()) & kConditions) | 2;
    uc_reg_write(engine_, UC_X86_REG_EFLAGS, &flags);
  }
  if (one_byte && (i->repeat_prefix || i->repeat_not_prefix)) {
    const std::uint32_t few = random_() & 3;
    uc_reg_write(engine_, UC_X86_REG_ECX, &few);
  }
  was_call_ = one_byte && (i->opcode == 0xe8 || (i->opcode == 0xff && i->reg() == 2));
  was_return_ = one_byte && (i->opcode == 0xc3 || i->opcode == 0xc2);
  made_ = {address + i->length, 0, now, 0};
}

void ForcedMachine::run(std::uint32_t function, std::uint32_t seed, bool is_handler,
                        const std::function<void(std::uint32_t)>& before) {
  before_ = &before;
  random_.seed(seed);
  for (const std::uint32_t page : mapped_) uc_mem_unmap(engine_, page, 0x1000);
  mapped_.clear();
  const std::uint32_t sp = stack_high - 0x1000;
  std::array<std::uint32_t, 64> words;
  for (auto& word : words) word = scratch + (static_cast<std::uint32_t>(random_()) & 0x3ff0);
  uc_mem_write(engine_, sp, words.data(), sizeof words);
  site_ = sites_.try_emplace(function, caller + 16 * static_cast<std::uint32_t>(sites_.size()) + 16)
              .first->second;
  std::array<std::uint8_t, 5> call = {0xe8};
  const std::uint32_t distance = function - (site_ + 5);
  std::memcpy(&call[1], &distance, 4);
  if (is_handler) call = {0xff, 0xd0, 0x90, 0x90, 0x90};  // call eax
  back_ = site_ + (is_handler ? 2 : 5);
  uc_mem_write(engine_, site_, call.data(), call.size());
  const std::array<std::uint32_t, 8> start = {is_handler ? function : scratch,
                                              scratch + 0x100,
                                              scratch + 0x200,
                                              0xb0b0,
                                              sp,
                                              sp + 0x800,
                                              0x5151,
                                              0xd1d1};
  for (std::size_t i = 0; i < start.size(); ++i) uc_reg_write(engine_, kIds[i], &start[i]);
  const std::uint32_t outer = 0x1234;
  uc_mem_write(engine_, sp + 0x400, &outer, 4);
  shadow_ = {{outer, sp + 0x400, start, 0}};
  was_call_ = was_return_ = done_ = spoiled_ = false;
  (void)uc_emu_start(engine_, site_, 0xffffffff, 0, kMostInstructions);
  ++(done_ ? returned : spoiled_ ? spoiled : ended);
}

}  // namespace ntstack::tests
