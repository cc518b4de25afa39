#include "console/given_registers.h"

#include "console/event_text.h"

namespace ntstack::console {

void give_registers(Console& console, RegisterContext context) {
  const std::uint64_t sp = stacks::sp_of(context.registers);
  if (const target::Thread* thread = thread_with_stack(console.machine(), sp))
    console.context = context_of(console.machine(), *thread);
  console.context.given = std::move(context);
}

base::Result<void> show_registers(Console& console) {
  const auto registers = console.registers();
  if (!registers) return std::unexpected(registers.error());
  console.write(registers_text(registers->registers, registers->flags));
  console.write(instruction_text(console, *registers));
  return {};
}

}  // namespace ntstack::console
