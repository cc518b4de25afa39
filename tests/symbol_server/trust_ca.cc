// Puts a certificate (DER) into the user's store of trusted authorities: for Wine, where a test's
// own prefix takes the test's own authority. Usage: trust_ca FILE
// clang-format off: windows.h comes first.
#include <windows.h>
#include <wincrypt.h>
// clang-format on

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

int main(int count, char** words) {
  if (count != 2) return 2;
  std::ifstream stream(words[1], std::ios::binary);
  const std::string certificate{std::istreambuf_iterator<char>(stream), {}};
  const HCERTSTORE store =
      ::CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, L"Root");
  if (!store) return 1;
  const BOOL added = ::CertAddEncodedCertificateToStore(
      store, X509_ASN_ENCODING, reinterpret_cast<const BYTE*>(certificate.data()),
      static_cast<DWORD>(certificate.size()), CERT_STORE_ADD_REPLACE_EXISTING, nullptr);
  ::CertCloseStore(store, 0);
  std::puts(added ? "trusted" : "not added");
  return added ? 0 : 1;
}
