#include "analysis/trap_fields.h"

#include <algorithm>
#include <array>
#include <span>

#include "stacks/trap_frame.h"

namespace ntstack::analysis {
namespace {

struct FieldAt {
  std::uint16_t offset;
  std::string_view name;
};

constexpr std::array<FieldAt, 44> kX64{
    {{0x00, "P1Home"}, {0x08, "P2Home"},       {0x10, "P3Home"},       {0x18, "P4Home"},
     {0x20, "P5"},     {0x28, "PreviousMode"}, {0x30, "Rax"},          {0x38, "Rcx"},
     {0x40, "Rdx"},    {0x48, "R8"},           {0x50, "R9"},           {0x58, "R10"},
     {0x60, "R11"},    {0x68, "GsBase"},       {0x70, "Xmm0"},         {0x78, "Xmm0"},
     {0x80, "Xmm1"},   {0x88, "Xmm1"},         {0x90, "Xmm2"},         {0x98, "Xmm2"},
     {0xa0, "Xmm3"},   {0xa8, "Xmm3"},         {0xb0, "Xmm4"},         {0xb8, "Xmm4"},
     {0xc0, "Xmm5"},   {0xc8, "Xmm5"},         {0xd0, "FaultAddress"}, {0xd8, "Dr0"},
     {0xe0, "Dr1"},    {0xe8, "Dr2"},          {0xf0, "Dr3"},          {0xf8, "Dr6"},
     {0x100, "Dr7"},   {0x130, "SegDs"},       {0x138, "TrapFrame"},   {0x140, "Rbx"},
     {0x148, "Rdi"},   {0x150, "Rsi"},         {0x158, "Rbp"},         {0x160, "ErrorCode"},
     {0x168, "Rip"},   {0x170, "SegCs"},       {0x178, "EFlags"},      {0x180, "Rsp"}}};
constexpr std::uint64_t kX64SegSs = 0x188;

// From SegFs on both layouts are the same.
constexpr std::array<FieldAt, 14> kX86{{{0x00, "DbgEbp"},
                                        {0x04, "DbgEip"},
                                        {0x08, "DbgArgMark"},
                                        {0x50, "SegFs"},
                                        {0x54, "Edi"},
                                        {0x58, "Esi"},
                                        {0x5c, "Ebx"},
                                        {0x60, "Ebp"},
                                        {0x64, "ErrCode"},
                                        {0x68, "Eip"},
                                        {0x6c, "SegCs"},
                                        {0x70, "EFlags"},
                                        {0x74, "HardwareEsp"},
                                        {0x78, "HardwareSegSs"}}};
// Up to Windows 8.0; since 8.1 they lie a word lower, the last alone has not moved.
constexpr std::array<FieldAt, 15> kX86Moved{{{0x10, "TempSegCs"},
                                             {0x14, "TempEsp"},
                                             {0x18, "Dr0"},
                                             {0x1c, "Dr1"},
                                             {0x20, "Dr2"},
                                             {0x24, "Dr3"},
                                             {0x28, "Dr6"},
                                             {0x2c, "Dr7"},
                                             {0x30, "SegGs"},
                                             {0x34, "SegEs"},
                                             {0x38, "SegDs"},
                                             {0x3c, "Edx"},
                                             {0x40, "Ecx"},
                                             {0x44, "Eax"},
                                             {0x48, "PreviousPreviousMode"}}};
constexpr std::uint64_t kX86ExceptionList = 0x4c;

constexpr std::array<std::string_view, 19> kArm64X{"X0",  "X1",  "X2",  "X3",  "X4",  "X5",  "X6",
                                                   "X7",  "X8",  "X9",  "X10", "X11", "X12", "X13",
                                                   "X14", "X15", "X16", "X17", "X18"};

std::string_view named(std::span<const FieldAt> fields, std::uint64_t offset) {
  const auto found = std::ranges::find(fields, offset, &FieldAt::offset);
  return found == fields.end() ? std::string_view() : found->name;
}

std::string_view x86_field(std::uint32_t build, std::uint64_t offset) {
  if (offset == kX86ExceptionList) return "ExceptionList";
  if (const auto name = named(kX86, offset); !name.empty()) return name;
  const bool is_old = stacks::trap_layout(build) == unwind::x86::TrapLayout::xp_to_8_0;
  if (is_old && offset == 0x0c) return "DbgArgPointer";
  if (!is_old && offset == 0x48) return "MxCsr";
  return named(kX86Moved, is_old ? offset : offset + 4);
}

std::string_view arm64_field(std::uint64_t offset) {
  constexpr std::uint64_t spsr = 0x90, sp = 0x98, x0 = 0xa0, lr = 0x138, fp = 0x140, pc = 0x148;
  if (offset == spsr) return "Spsr";
  if (offset == sp) return "Sp";
  if (offset == lr) return "Lr";
  if (offset == fp) return "Fp";
  if (offset == pc) return "Pc";
  if (offset < x0 || offset > lr || offset % 8 != 0) return {};
  return kArm64X[(offset - x0) / 8];
}

}  // namespace

std::string_view trap_field_at(base::Architecture architecture, std::uint32_t build,
                               std::uint64_t offset) {
  switch (architecture) {
    case base::Architecture::x86:
      return x86_field(build, offset);
    case base::Architecture::arm64:
      return arm64_field(offset);
    default:
      return offset == kX64SegSs ? "SegSs" : named(kX64, offset);
  }
}

}  // namespace ntstack::analysis
