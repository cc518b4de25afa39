// What symbol servers and stores say, a line each: an address and where it redirects to, headers of
// an answer, a file.ptr; and whether the rest, as a file, is the one that was wanted.
#include "input.h"
#include "store/http_address.h"
#include "store/http_shared.h"
#include "store/key.h"
#include "store/pointer_file.h"
#include "store/server_address.h"

using namespace ntstack;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace http = store::http;
  fuzz::Input input(data, size);
  const std::string_view url = input.line(), location = input.line(), header = input.line();
  if (const auto address = http::read_address(url)) {
    fuzz::require(!address->host.empty() && address->path.starts_with('/'));
    fuzz::require(address->is_same_server(*address));
    (void)http::basic_authorization(*address);
    if (const auto target = http::redirect_target(*address, location)) {
      fuzz::require(!target->host.empty());
      // A password goes to no other server.
      fuzz::require(target->is_same_server(*address) || target->password != address->password ||
                    address->password.empty() || location.contains('@'));
    }
  }
  if (const auto range = http::read_content_range(header))
    fuzz::require(!range->length || *range->length > range->first);
  (void)http::read_retry_after(header);
  (void)http::validator_of(header, location);
  (void)store::url_of(url, location, header, "KEY", "a.pd_");
  (void)store::shown(url);
  const base::Bytes file = input.rest();
  const store::Pointer pointer = store::read_pointer(file);
  fuzz::require(pointer.path.size() + pointer.message.size() <= size);
  (void)store::why_not(file, store::PdbKey{"a.pdb", {}, 1});
  (void)store::why_not(file, store::ImageKey{"a.sys", 1, 2, base::Guid{}, 1});
  return 0;
}
