// KDDEBUGGER_DATA64: the kernel's own account of where things are (the SDK's wdbgexts.h), in the
// same 64-bit layout on every architecture. It has grown over the years: what a block is too short
// for, it does not say.
#pragma once

#include <cstdint>
#include <optional>

#include "base/bytes.h"
#include "base/error.h"

namespace ntstack::target {

class Kdbg {
 public:
  // `bytes` outlives this. An error says what is wrong where this is no such block.
  static base::Result<Kdbg> parse(base::Bytes bytes);

  std::uint32_t size() const { return size_; }
  // Bits 32 to 63 of 32-bit kernels' addresses are sign extension, and dropped by `is_64_bit`.
  std::optional<std::uint64_t> kernel_base(bool is_64_bit) const {
    return address(0x18, is_64_bit);
  }
  std::optional<std::uint64_t> loaded_module_list(bool is_64_bit) const {
    return address(0x48, is_64_bit);
  }
  std::optional<std::uint64_t> active_process_head(bool is_64_bit) const {
    return address(0x50, is_64_bit);
  }
  std::optional<std::uint64_t> unloaded_drivers(bool is_64_bit) const {
    return address(0x220, is_64_bit);
  }
  std::optional<std::uint64_t> processor_block(bool is_64_bit) const {
    return address(0x218, is_64_bit);
  }

  // An address at another place of the block.
  std::optional<std::uint64_t> address_at(std::uint32_t at, bool is_64_bit) const {
    return address(at, is_64_bit);
  }

  std::optional<std::uint32_t> u16(std::uint32_t at) const;  // 0 and 0xffff: not said
  std::optional<std::uint32_t> u32(std::uint32_t at) const;

 private:
  std::optional<std::uint64_t> address(std::uint32_t at, bool is_64_bit) const;
  base::Bytes bytes_;
  std::uint32_t size_ = 0;
};

// Where KDBG keeps what Offsets takes from it.
namespace kdbg_at {
inline constexpr std::uint32_t teb = 0x29a, kernel_stack = 0x29c, initial_stack = 0x29e,
                               apc_process = 0x2a0, state = 0x2a2, next_processor = 0x298,
                               eprocess_size = 0x2a8, peb = 0x2aa, parent_cid = 0x2ac,
                               directory_table_base = 0x2ae, prcb_size = 0x2b0,
                               prcb_dpc_routine = 0x2b2, prcb_current_thread = 0x2b4,
                               prcb_processor_state = 0x2bc, prcb_number = 0x2be,
                               ethread_size = 0x2c0, pcr_contained_prcb = 0x2e6,
                               prcb_context = 0x338, stack_limit = 0x340, stack_base = 0x344,
                               prcb_idle_thread = 0x350, prcb_dpc_stack = 0x354,
                               prcb_isr_stack = 0x356, wait_reason = 0x35c, irp_list = 0x34c;
}  // namespace kdbg_at

}  // namespace ntstack::target
