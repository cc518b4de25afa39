// The server's side of the Model Context Protocol: JSON-RPC messages in, answers out. What a call
// does is not here.
#pragma once

#include <expected>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace ntstack::app {

struct McpAnswer {
  std::string text;
  std::string notes;  // what was said besides
  bool is_error = false;
  std::size_t page = 1, pages = 1;
};

class McpServer {
 public:
  // Runs a tool: its name (one of mcp_tools) and the arguments, an object.
  using Call = std::function<McpAnswer(const std::string& tool, const nlohmann::json& arguments)>;
  explicit McpServer(Call call) : call_(std::move(call)) {}

  // The answer to a message or to several in an array, a line without its line feed; nothing where
  // none is due.
  std::optional<std::string> answer(std::string_view message);

 private:
  struct Refused {
    int code;  // JSON-RPC's
    std::string message;
  };
  using Result = std::expected<nlohmann::ordered_json, Refused>;
  std::optional<std::string> answer_to(const nlohmann::json& message);
  Result result_of(const std::string& method, const nlohmann::json& parameters);
  Result call(const nlohmann::json& parameters);
  static std::string error_text(const nlohmann::json& id, const Refused& refused);

  Call call_;
};

}  // namespace ntstack::app
