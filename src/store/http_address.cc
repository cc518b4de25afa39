#include "store/http_address.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include "base/text.h"

namespace ntstack::store::http {
namespace {

// `text` up to the first of `ends`, which is taken off it.
std::string_view take_until(std::string_view& text, std::string_view ends) {
  const std::string_view taken = text.substr(0, text.find_first_of(ends));
  text.remove_prefix(taken.size());
  return taken;
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

std::string percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto high =
        text[i] == '%' && i + 2 < text.size() ? hex_digit(text[i + 1]) : std::optional<unsigned>();
    const auto low = high ? hex_digit(text[i + 2]) : std::optional<unsigned>();
    decoded += low ? static_cast<char>(*high * 16 + *low) : text[i];
    if (low) i += 2;
  }
  return decoded;
}

bool take_scheme(std::string_view& url, bool& is_secure) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!base::equals_ignoring_case(url.substr(0, scheme.size()), scheme)) continue;
    is_secure = scheme.size() == 8;
    url.remove_prefix(scheme.size());
    return true;
  }
  return false;
}

bool read_port(std::string_view text, std::uint16_t& port) {
  if (text.empty()) return true;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc() && end == text.data() + text.size() && port != 0;
}

// "user:password@host:port".
bool read_authority(std::string_view authority, Address& address) {
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    std::string_view user = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    address.user = percent_decoded(take_until(user, ":"));
    if (!user.empty()) address.password = percent_decoded(user.substr(1));
  }
  const bool is_literal = authority.starts_with('[');
  const auto end = is_literal ? authority.find(']') : authority.find(':');
  if (is_literal && end == std::string_view::npos) return false;
  const std::string_view host = authority.substr(0, is_literal ? end + 1 : end);
  std::string_view rest = authority.substr(host.size());
  if (!rest.empty() && !rest.starts_with(':')) return false;
  if (!rest.empty()) rest.remove_prefix(1);
  address.host = host;
  address.port = address.is_secure ? 443 : 80;
  return !host.empty() && read_port(rest, address.port);
}

// Without "." and ".." (RFC 3986, 5.2.4).
std::string without_dots(std::string_view path) {
  std::vector<std::string_view> parts;
  bool is_folder = false;
  while (!path.empty()) {
    path.remove_prefix(1);  // '/'
    const std::string_view part = take_until(path, "/");
    is_folder = part == "." || part == "..";
    if (part == ".." && !parts.empty()) parts.pop_back();
    if (!is_folder) parts.push_back(part);
  }
  std::string joined;
  for (const std::string_view part : parts) joined.append("/").append(part);
  if (is_folder || joined.empty()) joined += '/';
  return joined;
}

// A path of a redirect, absolute or relative to the path that it came from.
std::string resolved(std::string_view from, std::string_view location) {
  location = location.substr(0, location.find('#'));
  std::string_view query = location;
  std::string_view path = take_until(query, "?");
  from = from.substr(0, from.find('?'));
  if (path.empty()) return std::string(from).append(query);
  if (path.starts_with('/')) return without_dots(path).append(query);
  const std::string joined = std::string(from.substr(0, from.rfind('/') + 1)).append(path);
  return without_dots(joined).append(query);
}

bool has_scheme(std::string_view location) {
  const auto end = location.find_first_of(":/?#");
  return end != std::string_view::npos && end != 0 && location[end] == ':';
}

}  // namespace

bool Address::is_same_server(const Address& other) const {
  return is_secure == other.is_secure && port == other.port &&
         base::equals_ignoring_case(host, other.host);
}

std::optional<Address> read_address(std::string_view url) {
  Address address;
  // Control characters would end the line of a request.
  if (std::ranges::any_of(url, [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
    return std::nullopt;
  if (!take_scheme(url, address.is_secure)) return std::nullopt;
  if (!read_authority(take_until(url, "/?#"), address)) return std::nullopt;
  url = url.substr(0, url.find('#'));
  address.path = url.starts_with('/') ? "" : "/";
  address.path += url;
  return address;
}

std::optional<Address> redirect_target(const Address& from, std::string_view location) {
  std::string url(location);
  if (!has_scheme(location)) {
    if (!location.starts_with("//")) {
      Address target = from;
      target.path = resolved(from.path, location);
      if (!read_address("http://x" + target.path)) return std::nullopt;
      return target;
    }
    url.insert(0, from.is_secure ? "https:" : "http:");
  }
  auto target = read_address(url);
  if (target && target->user.empty() && target->is_same_server(from)) {
    target->user = from.user;
    target->password = from.password;
  }
  return target;
}

std::string basic_authorization(const Address& address) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::string text = address.user + ":" + address.password;
  std::string encoded = "Basic ";
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t j = 0; j < 3; ++j)
      group = group << 8 | (i + j < text.size() ? static_cast<unsigned char>(text[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j)
      encoded += i + j <= text.size() ? kDigits[group >> (18 - 6 * j) & 63] : '=';
  }
  return encoded;
}

}  // namespace ntstack::store::http
