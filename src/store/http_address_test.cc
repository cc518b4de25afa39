#include "store/http_address.h"

#include <gtest/gtest.h>

namespace ntstack::store::http {
namespace {

// The address as it would be asked for, without its user.
std::string text_of(const std::optional<Address>& address) {
  if (!address) return "none";
  return std::string(address->is_secure ? "https://" : "http://") + address->host + ":" +
         std::to_string(address->port) + address->path;
}

std::string redirected(std::string_view from, std::string_view location) {
  return text_of(redirect_target(read_address(from).value(), location));
}

TEST(HttpAddressTest, AddressesAreTakenApart) {
  EXPECT_EQ(text_of(read_address("http://a.example")), "http://a.example:80/");
  EXPECT_EQ(text_of(read_address("HTTPS://a.example/b%20c?d=e#f")),
            "https://a.example:443/b%20c?d=e");
  EXPECT_EQ(text_of(read_address("http://a.example:8080?d")), "http://a.example:8080/?d");
  EXPECT_EQ(text_of(read_address("http://[::1]:81/x")), "http://[::1]:81/x");
}

TEST(HttpAddressTest, AUserAndAPasswordAreDecoded) {
  const auto address = read_address("https://a%40b:c%3Ad%2@host/");
  ASSERT_TRUE(address);
  EXPECT_EQ(address->user, "a@b");
  EXPECT_EQ(address->password, "c:d%2");
  EXPECT_EQ(text_of(address), "https://host:443/");
}

TEST(HttpAddressTest, WhatIsNoAddressIsNothing) {
  for (const std::string_view text :
       {"", "http://", "ftp://a/", "a/b", "http://:80/", "http://a:0/", "http://a:65536/",
        "http://a:8x/", "http://[::1/", "http://[::1]x/", "http://a/b\r\nX: y"})
    EXPECT_FALSE(read_address(text)) << text;
}

TEST(HttpAddressTest, RedirectsAreAbsoluteOrRelative) {
  // RFC 3986, 5.4.
  const std::string from = "http://a/b/c/d;p?q";
  EXPECT_EQ(redirected(from, "https://x/y"), "https://x:443/y");
  EXPECT_EQ(redirected(from, "//g"), "http://g:80/");
  EXPECT_EQ(redirected(from, "/g"), "http://a:80/g");
  EXPECT_EQ(redirected(from, "g"), "http://a:80/b/c/g");
  EXPECT_EQ(redirected(from, "./g/"), "http://a:80/b/c/g/");
  EXPECT_EQ(redirected(from, "../g?y#s"), "http://a:80/b/g?y");
  EXPECT_EQ(redirected(from, "../../../g"), "http://a:80/g");
  EXPECT_EQ(redirected(from, ".."), "http://a:80/b/");
  EXPECT_EQ(redirected(from, "?y"), "http://a:80/b/c/d;p?y");
  EXPECT_EQ(redirected(from, ""), "http://a:80/b/c/d;p");
}

TEST(HttpAddressTest, RedirectsLeadNowhereButToHttp) {
  for (const std::string_view location : {"ftp://a/", "file:///etc/passwd", "javascript:x", "a\nb"})
    EXPECT_EQ(redirected("http://a/b", location), "none") << location;
}

TEST(HttpAddressTest, APasswordGoesToTheSameServerAlone) {
  const auto from = read_address("https://user:secret@a:8443/b").value();
  for (const std::string_view location : {"/c", "c", "https://A:8443/c", "//a:8443/c"}) {
    EXPECT_EQ(redirect_target(from, location)->user, "user") << location;
    EXPECT_EQ(redirect_target(from, location)->password, "secret") << location;
  }
  for (const std::string_view location :
       {"https://b:8443/c", "https://a/c", "http://a:8443/c", "//b/c"}) {
    EXPECT_EQ(redirect_target(from, location)->user, "") << location;
    EXPECT_EQ(redirect_target(from, location)->password, "") << location;
  }
}

TEST(HttpAddressTest, BasicAuthorizationIsThatOfTheRfc) {
  Address address;
  address.user = "Aladdin";
  address.password = "open sesame";
  EXPECT_EQ(basic_authorization(address), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  address.password = "p";
  EXPECT_EQ(basic_authorization(address), "Basic QWxhZGRpbjpw");
  address.password = "pq";
  EXPECT_EQ(basic_authorization(address), "Basic QWxhZGRpbjpwcQ==");
}

}  // namespace
}  // namespace ntstack::store::http
