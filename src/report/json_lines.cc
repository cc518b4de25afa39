#include "report/json_lines.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "report/json.h"
#include "report/json_parts.h"

namespace ntstack::report {
namespace {

using Json = nlohmann::ordered_json;

std::string line_of(std::string_view type, std::string_view name, Json value) {
  Json json;
  json["type"] = type;
  json[std::string(name)] = std::move(value);
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

bool json_lines(const std::string& document, std::string_view list, std::string_view item,
                const TakeLine& take) {
  Json json = Json::parse(document);  // ours
  Json elements = std::exchange(json.at(Json::json_pointer(std::string(list))), Json::array());
  if (!take(line_of("header", "document", std::move(json)))) return false;
  for (Json& element : elements)
    if (!take(line_of(item, item, std::move(element)))) return false;
  return true;
}

bool stacks_json_lines(const StackFacts& facts, const TakeLine& take) {
  const std::vector<stacks::Stack> none;
  StackFacts around{facts.of, facts.more, none, facts.missing, facts.missing_threads, facts.notes};
  if (!json_lines(stacks_json(around), "/stacks", "stack", take)) return false;
  for (const stacks::Stack& stack : facts.stacks) {
    Json json = whole_stack_json(facts.of_dump(stack.dump).machine, stack, !facts.more.empty());
    if (!take(line_of("stack", "stack", std::move(json)))) return false;
  }
  return true;
}

}  // namespace ntstack::report
