// What --redact takes out of any text and of any document: once is enough, a document keeps its
// shape, and no user's name is left behind a folder of users.
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "input.h"
#include "report/redact.h"

using namespace ntstack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::string_view text = input.text();
  const std::string once = report::redacted(text);
  fuzz::require(report::redacted(once) == once);
  auto document = nlohmann::ordered_json::parse(text, nullptr, false);
  if (!document.is_object())
    document = {{"text", base::printable(text)}, {"dump", "/home/me/a.dmp"}};
  const std::size_t parts = document.size();
  report::redact(document, {"/home/me", "C:\\Users\\me"});
  fuzz::require(document.size() == parts);
  return 0;
}
