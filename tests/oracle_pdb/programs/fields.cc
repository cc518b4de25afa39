// Structures of every kind of member.
extern "C" volatile int sink;

struct Bits {
  unsigned a : 3, b : 5;
  unsigned : 0;
  unsigned long long c : 40, d : 24;
  signed e : 1;
};
union Both {
  int number;
  struct {
    short low, high;
  };
  Bits bits;
  char bytes[16][2];
};
enum class Colour : unsigned char { red, green };
struct Base {
  int base;
};
struct Virtual : virtual Base {
  int own;
};
struct Everything : Base {
  Both both;
  Colour colour;
  const volatile long* pointer;
  int (*function)(int, char*);
  double matrix[3][4];
  static int shared;
  struct Nested {
    Nested* next;
    Everything* owner;
  } nested;
  wchar_t text[8];
  int Everything::* member;
};
int Everything::shared;
Everything everything;
Virtual* a_virtual;
static int file_static = 7;

int use_fields(int a) {
  class Local {
   public:
    int x;
    Bits bits;
  };
  Local local;
  local.x = a;
  local.bits.b = static_cast<unsigned>(a);
  everything.both.number = local.x + local.bits.b;
  everything.nested.owner = &everything;
  if (a_virtual) sink = a_virtual->base + file_static++;
  return everything.both.bits.a;
}
