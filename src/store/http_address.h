// Addresses of HTTP taken apart, and where a redirect leads: for the client that follows redirects
// itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ntstack::store::http {

// "https://user:password@host:8443/path?query#fragment". User and password are percent-decoded, the
// rest is as it was written; the fragment is no part of it.
struct Address {
  bool is_secure = false;
  std::string user, password;
  std::string host;  // "[::1]" with its brackets
  std::uint16_t port = 0;
  std::string path;  // from the first '/', with the query

  bool is_same_server(const Address& other) const;
};

// Nothing where it is no address of HTTP.
std::optional<Address> read_address(std::string_view url);

// Where "Location: ..." of an answer from `from` leads: absolute or relative, RFC 3986, 5.2. A user
// and a password go on to the same server alone.
std::optional<Address> redirect_target(const Address& from, std::string_view location);

// "Basic ..." of RFC 7617.
std::string basic_authorization(const Address& address);

}  // namespace ntstack::store::http
