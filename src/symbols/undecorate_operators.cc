#include "symbols/undecorate_operators.h"

namespace ntstack::symbols::undecorating {
namespace {

std::string_view plain(char code) {
  switch (code) {
    case '2':
      return "operator new";
    case '3':
      return "operator delete";
    case '4':
      return "operator=";
    case '5':
      return "operator>>";
    case '6':
      return "operator<<";
    case '7':
      return "operator!";
    case '8':
      return "operator==";
    case '9':
      return "operator!=";
    case 'A':
      return "operator[]";
    case 'C':
      return "operator->";
    case 'D':
      return "operator*";
    case 'E':
      return "operator++";
    case 'F':
      return "operator--";
    case 'G':
      return "operator-";
    case 'H':
      return "operator+";
    case 'I':
      return "operator&";
    case 'J':
      return "operator->*";
    case 'K':
      return "operator/";
    case 'L':
      return "operator%";
    case 'M':
      return "operator<";
    case 'N':
      return "operator<=";
    case 'O':
      return "operator>";
    case 'P':
      return "operator>=";
    case 'Q':
      return "operator,";
    case 'R':
      return "operator()";
    case 'S':
      return "operator~";
    case 'T':
      return "operator^";
    case 'U':
      return "operator|";
    case 'V':
      return "operator&&";
    case 'W':
      return "operator||";
    case 'X':
      return "operator*=";
    case 'Y':
      return "operator+=";
    case 'Z':
      return "operator-=";
    default:
      return {};
  }
}

std::string_view underscored(char code) {
  switch (code) {
    case '0':
      return "operator/=";
    case '1':
      return "operator%=";
    case '2':
      return "operator>>=";
    case '3':
      return "operator<<=";
    case '4':
      return "operator&=";
    case '5':
      return "operator|=";
    case '6':
      return "operator^=";
    case 'D':
      return "`vbase dtor'";
    case 'E':
      return "`vector deleting dtor'";
    case 'F':
      return "`default ctor closure'";
    case 'G':
      return "`scalar deleting dtor'";
    case 'H':
      return "`vector ctor iterator'";
    case 'I':
      return "`vector dtor iterator'";
    case 'J':
      return "`vector vbase ctor iterator'";
    case 'K':
      return "`virtual displacement map'";
    case 'L':
      return "`eh vector ctor iterator'";
    case 'M':
      return "`eh vector dtor iterator'";
    case 'N':
      return "`eh vector vbase ctor iterator'";
    case 'O':
      return "`copy ctor closure'";
    case 'T':
      return "`local vftable ctor closure'";
    case 'U':
      return "operator new[]";
    case 'V':
      return "operator delete[]";
    default:
      return {};
  }
}

std::string_view twice_underscored(char code) {
  switch (code) {
    case 'A':
      return "`managed vector ctor iterator'";
    case 'B':
      return "`managed vector dtor iterator'";
    case 'C':
      return "`EH vector copy ctor iterator'";
    case 'D':
      return "`EH vector vbase copy ctor iterator'";
    case 'G':
      return "`vector copy ctor iterator'";
    case 'H':
      return "`vector vbase copy constructor iterator'";
    case 'I':
      return "`managed vector vbase copy constructor iterator'";
    case 'L':
      return "operator co_await";
    case 'M':
      return "operator<=>";
    default:
      return {};
  }
}

}  // namespace

std::optional<std::string_view> operator_text(std::size_t underscores, char code) {
  const bool is_code = (code >= '0' && code <= '9') || (code >= 'A' && code <= 'Z');
  if (!is_code) return std::nullopt;
  if (underscores == 0) return plain(code);
  return underscores == 1 ? underscored(code) : twice_underscored(code);
}

}  // namespace ntstack::symbols::undecorating
