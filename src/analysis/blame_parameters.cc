#include "analysis/blame_parameters.h"

#include <fmt/format.h>

#include <algorithm>

#include "analysis/bugcheck.h"
#include "base/text.h"

namespace ntstack::analysis {
namespace {

enum class As : std::uint8_t { address, irp, device, any };
struct Rule {
  std::uint32_t code;
  std::uint8_t parameter;
  As as;
  std::optional<std::uint64_t> if_first = std::nullopt;  // only with this first parameter
};

// By the public bug check reference.
constexpr Rule kRules[] = {
    {0xA, 3, As::address},    {0xC5, 3, As::address},   {0xD0, 3, As::address},
    {0xD1, 3, As::address},   {0xD3, 3, As::address},   {0xD3, 0, As::address},
    {0xD4, 3, As::address},   {0xD4, 0, As::address},   {0x50, 2, As::address},
    {0xCC, 2, As::address},   {0xCD, 2, As::address},   {0xD5, 2, As::address},
    {0xD6, 2, As::address},   {0xCE, 2, As::address},   {0xCE, 0, As::address},
    {0x1E, 1, As::address},   {0x3B, 1, As::address},   {0x7E, 1, As::address},
    {0x8E, 1, As::address},   {0x116, 1, As::address},  {0x117, 1, As::address},
    {0x141, 1, As::address},  {0xCB, 0, As::address},   {0xCB, 1, As::address},
    {0xE1, 0, As::address},   {0x135, 2, As::address},  {0x48, 1, As::address},
    {0xFC, 0, As::address},   {0x96, 3, As::any},       {0x9F, 3, As::irp, 3},
    {0x9F, 1, As::device, 3}, {0x9F, 1, As::device, 1}, {0x9F, 2, As::device, 2},
    {0x9F, 1, As::device, 2}, {0x44, 0, As::irp},       {0x35, 0, As::irp},
    {0x48, 0, As::irp},       {0xCA, 1, As::device},    {0xC4, 1, As::any},
    {0xC4, 2, As::any},       {0xC4, 3, As::any},       {0xC9, 1, As::any},
    {0xC9, 2, As::any},       {0xC9, 3, As::any},       {0xE6, 1, As::any},
    {0xE6, 2, As::any},       {0xE6, 3, As::any}};

// Members of objects that drivers see (public wdm.h): x64 and ARM64 alike, x86.
struct Member {
  std::uint32_t in64, in32;
};
constexpr Member kCurrentStackLocation{0xb8, 0x60};  // IRP.Tail.Overlay
constexpr Member kDeviceOfLocation{0x28, 0x14};      // IO_STACK_LOCATION.DeviceObject
constexpr Member kDriverOfDevice{0x8, 0x8};          // DEVICE_OBJECT.DriverObject
constexpr Member kDriverStart{0x18, 0xc};            // DRIVER_OBJECT.DriverStart

class Naming {
 public:
  Naming(const target::Machine& machine, const symbols::Symbolizer& symbolizer)
      : machine_(machine), symbolizer_(symbolizer) {}

  std::optional<NamedByParameter> named_by(const Rule& rule) const {
    const dump::Bugcheck& bugcheck = *machine_.dump().bugcheck;
    const std::uint64_t value = dump_address(bugcheck.parameters[rule.parameter]);
    NamedByParameter named;
    named.parameter = rule.parameter;
    named.is_certain = rule.as != As::any;
    const auto image = rule.as == As::irp      ? driver_of_irp(value)
                       : rule.as == As::device ? driver_of_device(value)
                                               : std::optional(value);
    if (!image || !place(*image, named)) return {};
    named.reason = reason_of(rule, bugcheck, named);
    return named;
  }

 private:
  std::uint64_t dump_address(std::uint64_t value) const {
    return machine_.is_64_bit() ? value : value & 0xffffffff;
  }
  std::optional<std::uint64_t> pointer(std::uint64_t object, Member member) const {
    const std::uint64_t offset = machine_.is_64_bit() ? member.in64 : member.in32;
    if (object == 0 || object > UINT64_MAX - offset) return {};
    if (machine_.is_64_bit()) return machine_.memory().get<std::uint64_t>(object + offset);
    return machine_.memory().get<std::uint32_t>(object + offset);
  }
  std::optional<std::uint64_t> driver_of_device(std::uint64_t device) const {
    const auto driver = pointer(device, kDriverOfDevice);
    return driver ? pointer(*driver, kDriverStart) : std::nullopt;
  }
  std::optional<std::uint64_t> driver_of_irp(std::uint64_t irp) const {
    const auto location = pointer(irp, kCurrentStackLocation);
    const auto device = location ? pointer(*location, kDeviceOfLocation) : std::nullopt;
    return device ? driver_of_device(*device) : std::nullopt;
  }
  bool place(std::uint64_t address, NamedByParameter& named) const {
    named.address = address;
    if (const auto module = symbolizer_.module_at(address)) {
      named.module = symbolizer_.modules()[*module].name;
      named.short_name = symbolizer_.short_name(*module);
      return true;
    }
    for (const dump::UnloadedModuleRecord& each : machine_.kernel().unloaded_modules()) {
      if (address < each.begin || address >= each.end) continue;
      named.module = each.name;
      named.is_unloaded = true;
      return true;
    }
    return false;
  }
  std::string reason_of(const Rule& rule, const dump::Bugcheck& bugcheck,
                        const NamedByParameter& named) const {
    const BugcheckMeaning* meaning = bugcheck_meaning(bugcheck.code);
    const std::string_view what = meaning ? meaning->parameters[rule.parameter] : "";
    const std::string value =
        base::address_text(dump_address(bugcheck.parameters[rule.parameter]), machine_.is_64_bit());
    if (rule.as == As::irp)
      return fmt::format("the bugcheck names the IRP {}, which is at a device of this driver",
                         value);
    if (rule.as == As::device)
      return fmt::format("the bugcheck names the device object {}, which is this driver's", value);
    const bool is_said = !what.empty() && rule.as == As::address;
    return fmt::format("the bugcheck's parameter {}, {}{}{}, lies {}", rule.parameter + 1, value,
                       is_said ? ": " : "", is_said ? what : "",
                       named.is_unloaded ? "where it was before it was unloaded" : "in it");
  }

  const target::Machine& machine_;
  const symbols::Symbolizer& symbolizer_;
};

const target::Thread* thread_of_processor(const target::Machine& machine, std::uint64_t number) {
  for (const target::Processor& each : machine.processors())
    if (each.number == number) return machine.thread_at(each.current_thread);
  return nullptr;
}

}  // namespace

std::vector<NamedByParameter> named_by_parameters(const target::Machine& machine,
                                                  const symbols::Symbolizer& symbolizer) {
  std::vector<NamedByParameter> all;
  const auto& bugcheck = machine.dump().bugcheck;
  if (!bugcheck) return all;
  const Naming naming(machine, symbolizer);
  for (const Rule& rule : kRules) {
    if (rule.code != plain_code(bugcheck->code)) continue;
    if (rule.if_first && *rule.if_first != bugcheck->parameters[0]) continue;
    if (auto named = naming.named_by(rule)) all.push_back(std::move(*named));
  }
  return all;
}

const target::Process* process_in_question(const target::Machine& machine) {
  const auto& bugcheck = machine.dump().bugcheck;
  if (!bugcheck) return nullptr;
  const std::uint32_t code = plain_code(bugcheck->code);
  if (code != 0xEF && code != 0xF4) return nullptr;
  const std::uint64_t object = bugcheck->parameters[code == 0xEF ? 0 : 1];
  const auto& processes = machine.processes();
  const auto found = std::ranges::find(processes, object, &target::Process::address);
  if (object != 0 && found != processes.end()) return &*found;
  const target::Thread* thread = object != 0 ? machine.thread_at(object) : nullptr;
  return thread ? machine.process_of(*thread) : nullptr;
}

const target::Thread* thread_in_question(const target::Machine& machine) {
  const auto& bugcheck = machine.dump().bugcheck;
  if (!bugcheck) return nullptr;
  const auto& p = bugcheck->parameters;
  switch (plain_code(bugcheck->code)) {
    case 0xEA:
      return p[0] != 0 ? machine.thread_at(p[0]) : nullptr;
    case 0x1D5:
    case 0x1CC:
      return p[1] != 0 ? machine.thread_at(p[1]) : nullptr;
    case 0x9F:
      return p[0] == 4 && p[2] != 0 ? machine.thread_at(p[2]) : nullptr;
    case 0x101:
      return thread_of_processor(machine, p[3]);
    default:
      return nullptr;
  }
}

}  // namespace ntstack::analysis
