#include "app/mcp_server.h"

#include <algorithm>

#include "app/mcp_tools.h"

namespace ntstack::app {
namespace {

using Json = nlohmann::ordered_json;

// JSON-RPC's codes.
constexpr int kParseError = -32700, kInvalidRequest = -32600, kMethodNotFound = -32601,
              kInvalidParams = -32602;

// The newest first. One that is not known is answered with the newest, and the client decides.
constexpr std::string_view kVersions[] = {"2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"};

std::string text_of(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json initialized(const nlohmann::json& parameters) {
  std::string_view version = kVersions[0];
  if (const auto asked = parameters.find("protocolVersion");
      asked != parameters.end() && asked->is_string())
    for (const std::string_view known : kVersions)
      if (*asked == known) version = known;
  return {{"protocolVersion", version},
          {"capabilities", {{"tools", {{"listChanged", false}}}}},
          {"serverInfo", {{"name", "ntstack"}, {"version", NTSTACK_VERSION}}},
          {"instructions",
           "ntstack reads Windows crash dumps, live dumps and minidumps. Begin with analyze; for "
           "hangs go on with groups and stacks. Frames that are guesses are marked: do not take "
           "them for facts. Long answers come in pages."}};
}

// Where none are given. What a client sends is not copied: a copy of what is nested deep takes as
// much stack as it is deep.
const nlohmann::json& none() {
  static const nlohmann::json object = nlohmann::json::object();
  return object;
}

Json tools() {
  Json list = Json::array();
  for (const McpTool& tool : mcp_tools()) list.push_back(tool_json(tool));
  return {{"tools", std::move(list)}};
}

}  // namespace

std::string McpServer::error_text(const nlohmann::json& id, const Refused& refused) {
  return text_of({{"jsonrpc", "2.0"},
                  {"id", id},
                  {"error", {{"code", refused.code}, {"message", refused.message}}}});
}

McpServer::Result McpServer::call(const nlohmann::json& parameters) {
  const auto name = parameters.find("name");
  if (name == parameters.end() || !name->is_string() || !mcp_tool(name->get<std::string>()))
    return std::unexpected(Refused{kInvalidParams, "there is no such tool"});
  const auto given = parameters.find("arguments");
  const nlohmann::json& arguments = given != parameters.end() ? *given : none();
  if (!arguments.is_object())
    return std::unexpected(Refused{kInvalidParams, "arguments is no object"});
  const McpAnswer answer = call_(name->get<std::string>(), arguments);
  Json content = Json::array({{{"type", "text"}, {"text", answer.text}}});
  if (!answer.notes.empty()) content.push_back({{"type", "text"}, {"text", answer.notes}});
  return Json{{"content", std::move(content)},
              {"isError", answer.is_error},
              {"_meta", {{"page", answer.page}, {"pages", answer.pages}}}};
}

McpServer::Result McpServer::result_of(const std::string& method,
                                       const nlohmann::json& parameters) {
  if (method == "initialize") return initialized(parameters);
  if (method == "ping") return Json::object();
  if (method == "tools/list") return tools();
  if (method == "tools/call") return call(parameters);
  return std::unexpected(Refused{kMethodNotFound, "there is no method " + method});
}

std::optional<std::string> McpServer::answer_to(const nlohmann::json& json) {
  if (!json.is_object()) return error_text(nullptr, {kInvalidRequest, "this is no request"});
  const auto id = json.find("id");
  const bool has_id = id != json.end() && (id->is_string() || id->is_number());
  const auto method = json.find("method");
  if (method == json.end() || !method->is_string()) {
    if (json.contains("result") || json.contains("error"))
      return std::nullopt;  // nothing was asked
    return error_text(has_id ? *id : nullptr, {kInvalidRequest, "there is no method"});
  }
  if (id == json.end()) return std::nullopt;  // a notification
  if (!has_id) return error_text(nullptr, {kInvalidRequest, "id is no string and no number"});
  const auto given = json.find("params");
  const nlohmann::json& parameters = given != json.end() ? *given : none();
  if (!parameters.is_object()) return error_text(*id, {kInvalidParams, "params is no object"});
  const Result result = result_of(method->get<std::string>(), parameters);
  if (!result) return error_text(*id, result.error());
  return text_of({{"jsonrpc", "2.0"}, {"id", *id}, {"result", *result}});
}

std::optional<std::string> McpServer::answer(std::string_view message) {
  const auto json = nlohmann::json::parse(message, nullptr, false);
  if (json.is_discarded()) return error_text(nullptr, {kParseError, "this is no JSON"});
  if (!json.is_array()) return answer_to(json);
  // Several at once, as version 2025-03-26 of the protocol has it.
  if (json.empty()) return error_text(nullptr, {kInvalidRequest, "nothing is asked"});
  std::string all;
  for (const nlohmann::json& each : json)
    if (const auto one = answer_to(each)) all += (all.empty() ? "[" : ",") + *one;
  return all.empty() ? std::nullopt : std::optional(all + "]");
}

}  // namespace ntstack::app
