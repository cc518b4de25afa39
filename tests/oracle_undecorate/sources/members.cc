// Members of every access and kind, operators, constructors, thunks, tables and RTTI.
typedef decltype(sizeof 0) size_t;
void* operator new(size_t);
void* operator new[](size_t);
void operator delete(void*) noexcept;
void operator delete[](void*) noexcept;
class Access {
 private:
  void a();
  static void b();
  virtual void c();
  static int d;
  const int e() const;

 protected:
  void f();
  static void g();
  virtual void h();
  static const int* i;

 public:
  void j();
  static void k();
  virtual void l();
  static int Access::* m;
  void n() const;
  void o() volatile;
  void p() const volatile;
  void q() &;
  void r() const&;
  void s() &&;
  void t() const&&;
  void u() noexcept;
  void v() const noexcept;
  void w(...);
  virtual void x() = 0;
  void y() __restrict;
  void z() __unaligned;
};
void Access::a() {}
void Access::b() {}
void Access::c() {}
int Access::d;
const int Access::e() const { return 0; }
void Access::f() {}
void Access::g() {}
void Access::h() {}
const int* Access::i;
void Access::j() {}
void Access::k() {}
void Access::l() {}
int Access::* Access::m;
void Access::n() const {}
void Access::o() volatile {}
void Access::p() const volatile {}
void Access::q() & {}
void Access::r() const& {}
void Access::s() && {}
void Access::t() const&& {}
void Access::u() noexcept {}
void Access::v() const noexcept {}
void Access::w(...) {}
void Access::x() {}
void Access::y() __restrict {}
void Access::z() __unaligned {}

struct Ops {
  Ops();
  Ops(const Ops&);
  Ops(Ops&&);
  template <class T>
  Ops(T);
  explicit Ops(int, int = 0);
  ~Ops();
  Ops& operator=(const Ops&);
  Ops& operator=(Ops&&);
  operator int();
  operator const char*() const;
  operator bool() const;
  operator Ops*();
  template <class T>
  operator T&();
  operator int Ops::*();
  operator const int&();
  int operator[](int);
  Ops* operator->();
  int operator->*(int);
  Ops& operator++();
  Ops operator++(int);
  Ops& operator--();
  Ops operator--(int);
  int operator()();
  int operator()(int, ...) const;
  template <class T>
  int operator()(T);
  Ops operator*();
  Ops operator&();
  Ops operator+();
  Ops operator-();
  Ops operator~();
  bool operator!();
  template <class T>
  operator Ops* const*();
  void* operator new(size_t);
  void* operator new[](size_t);
  void operator delete(void*);
  void operator delete[](void*);
  void* operator new(size_t, void*);
  int operator<=>(const Ops&) const;
  bool operator==(const Ops&) const;
};
#define BINARY(X)                                                                                \
  X(+)                                                                                           \
  X(-)                                                                                           \
  X(*)                                                                                           \
  X(/) X(%) X(^) X(&) X(|) X(<) X(>) X(+=) X(-=) X(*=) X(/=) X(%=) X(^=) X(&=) X(|=) X(<<) X(>>) \
      X(<<=) X(>>=) X(!=) X(<=) X(>=) X(&&) X(||) X(->*)
#define DEFINE(O)                                 \
  Ops operator O(const Ops& a, int) { return a; } \
  template <class T>                              \
  struct TOps##__COUNTER__;
BINARY(DEFINE)
Ops operator,(const Ops& a, const Ops&) { return a; }
Ops::Ops() {}
Ops::Ops(const Ops&) {}
Ops::Ops(Ops&&) {}
template <class T>
Ops::Ops(T) {}
template Ops::Ops(char);
template Ops::Ops(Ops*);
Ops::Ops(int, int) {}
Ops::~Ops() {}
Ops& Ops::operator=(const Ops&) { return *this; }
Ops& Ops::operator=(Ops&&) { return *this; }
Ops::operator int() { return 0; }
Ops::operator const char*() const { return ""; }
Ops::operator bool() const { return true; }
Ops::operator Ops*() { return this; }
template <class T>
Ops::operator T&() {
  return *(T*)this;
}
template Ops::operator float&();
template Ops::operator const Ops&();
Ops::operator int Ops::*() { return nullptr; }
Ops::operator const int&() {
  static int i;
  return i;
}
int Ops::operator[](int) { return 0; }
Ops* Ops::operator->() { return this; }
int Ops::operator->*(int) { return 0; }
Ops& Ops::operator++() { return *this; }
Ops Ops::operator++(int) { return *this; }
Ops& Ops::operator--() { return *this; }
Ops Ops::operator--(int) { return *this; }
int Ops::operator()() { return 0; }
int Ops::operator()(int, ...) const { return 0; }
template <class T>
int Ops::operator()(T) {
  return 0;
}
template int Ops::operator()(float);
Ops Ops::operator*() { return *this; }
Ops Ops::operator&() { return *this; }
Ops Ops::operator+() { return *this; }
Ops Ops::operator-() { return *this; }
Ops Ops::operator~() { return *this; }
bool Ops::operator!() { return 0; }
void* Ops::operator new(size_t) { return 0; }
void* Ops::operator new[](size_t) { return 0; }
void Ops::operator delete(void*) {}
void Ops::operator delete[](void*) {}
void* Ops::operator new(size_t, void* p) { return p; }
int Ops::operator<=>(const Ops&) const { return 0; }
bool Ops::operator==(const Ops&) const { return true; }
int operator""_km(unsigned long long) { return 0; }
int operator""_text(const char*, size_t) { return 0; }
template <char... C>
int operator""_chars() {
  return sizeof...(C);
}
int use_literal() { return 12_km + 34_chars + "a"_text; }

struct Base1 {
  virtual void f();
  virtual ~Base1();
  int x;
};
struct Base2 {
  virtual void g();
  virtual ~Base2();
  virtual Base2* clone();
  int y;
};
struct Derived : Base1, Base2 {
  void f() override;
  void g() override;
  ~Derived() override;
  Derived* clone() override;
};
struct Virtual1 : virtual Base1 {
  void f() override;
  Virtual1();
  virtual void h();
};
struct Virtual2 : virtual Base1, virtual Base2 {
  void f() override;
  void g() override;
  Virtual2();
  virtual void h();
};
struct Diamond : Virtual1, Virtual2 {
  void f() override;
  void g() override;
  Diamond();
  ~Diamond();
  void h() override;
};
void Base1::f() {}
Base1::~Base1() {}
void Base2::g() {}
Base2::~Base2() {}
Base2* Base2::clone() { return this; }
void Derived::f() {}
void Derived::g() {}
Derived::~Derived() {}
Derived* Derived::clone() { return this; }
void Virtual1::f() {}
Virtual1::Virtual1() {}
void Virtual1::h() {}
void Virtual2::f() {}
void Virtual2::g() {}
Virtual2::Virtual2() {}
void Virtual2::h() {}
void Diamond::f() {}
void Diamond::g() {}
Diamond::Diamond() {}
Diamond::~Diamond() {}
void Diamond::h() {}
namespace deep {
template <class T>
struct Poly : Virtual2, T {
  virtual void p(T) {}
  virtual ~Poly() {}
};
template struct Poly<Base2>;
struct {
  virtual void f() {}
} unnamed;
void use() { unnamed.f(); }
}  // namespace deep
void delete_all(Derived* d, Derived* many) {
  delete d;
  delete[] many;
  new Diamond[3];
  new deep::Poly<Base2>;
}
void (Derived::*to_virtual)() = &Derived::g;
void (Base1::*to_base)() = &Base1::f;
void (Diamond::*to_diamond)() = &Diamond::h;
const void* cast(Base1* b) { return dynamic_cast<Derived*>(b); }
namespace std {
class type_info {
 public:
  virtual ~type_info();
};
}  // namespace std
#include "typeid.inc"
struct Thrown {
  Thrown(const Thrown&, int = 3);
  Thrown();
};
void throws(int i) {
  if (i) throw Thrown();
  throw 1;
}
void catches() {
  try {
    throws(0);
  } catch (const Thrown& t) {
    throw t;
  } catch (const char*) {
  } catch (...) {
  }
}
struct Closure {
  Closure(int = 1);
  ~Closure();
};
void closures() {
  static Closure array[5];
  new Closure[3];
}
__declspec(dllexport) Closure exported();
struct __declspec(dllexport) Exported {
  Exported(int = 3) {}
  virtual ~Exported() {}
  Exported& operator=(const Exported&) = default;
};
