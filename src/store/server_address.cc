#include "store/server_address.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace ntstack::store {

std::string url_part(std::string_view name) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string part;
  for (const char c : name) {
    if (kPlain.find(c) != std::string_view::npos)
      part += c;
    else
      part += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return part;
}

std::string url_of(std::string_view server, std::string_view tier, std::string_view name,
                   std::string_view key, std::string_view file) {
  const auto query_at = std::min(server.find('?'), server.size());
  const std::string_view query = server.substr(query_at);
  server = server.substr(0, query_at);
  while (server.ends_with('/')) server.remove_suffix(1);
  std::string url(server);
  for (const std::string_view part : {tier, name, key, file})
    if (!part.empty()) url += "/" + url_part(part);
  return url.append(query);
}

std::string shown(std::string_view url) {
  url = url.substr(0, url.find('?'));
  const auto slashes = url.find("://");
  if (slashes == std::string_view::npos) return base::printable(url);
  const auto host = slashes + 3;
  const std::string_view authority = url.substr(host, url.substr(host).find('/'));
  const auto at = authority.rfind('@');
  if (at == std::string_view::npos) return base::printable(url);
  return base::printable(fmt::format("{}{}", url.substr(0, host), url.substr(host + at + 1)));
}

}  // namespace ntstack::store
