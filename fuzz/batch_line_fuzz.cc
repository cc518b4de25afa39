// Lines that are read back from a batch's output, and messages to the server of `ntstack mcp`,
// whose tools are not run.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "app/mcp_server.h"
#include "app/mcp_tools.h"
#include "report/batch_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ntstack;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  report::BatchSummary summary;
  if (const auto result = report::read_batch_line(text)) summary.add(*result);
  static_cast<void>(summary.line());
  static_cast<void>(summary.text(5));
  app::McpServer server([](const std::string& name, const nlohmann::json& arguments) {
    const auto command = app::tool_command(*app::mcp_tool(name), arguments);
    return app::McpAnswer{command ? command->front() : command.error().text(), "", !command};
  });
  static_cast<void>(server.answer(text));
  return 0;
}
