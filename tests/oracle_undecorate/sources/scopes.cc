// Local scopes, anonymous namespaces, lambdas, static guards, initializers, literals, extern "C".
struct Guarded {
  Guarded();
  ~Guarded();
  int v;
};
Guarded global_guarded;
static Guarded static_guarded;
namespace n {
Guarded in_namespace;
namespace {
Guarded hidden;
struct Hidden {
  static Guarded member;
  void f();
};
Guarded Hidden::member;
void Hidden::f() {}
void hidden_function(Hidden*, Hidden&) {}
}  // namespace
void use() {
  Hidden h;
  h.f();
  hidden_function(&h, h);
}
}  // namespace n
template <class T>
struct Static {
  static T value;
  static inline Guarded inline_value;
};
template <class T>
T Static<T>::value;
template struct Static<Guarded>;
inline Guarded inline_guarded;
thread_local Guarded thread_guarded;
template <class T>
Guarded variable_template;
template Guarded variable_template<int>;
template <class T>
constexpr int constant_template = 3;
const int* use_constant() { return &constant_template<Guarded*>; }
Guarded* local() {
  static Guarded a;
  static Guarded b;
  {
    static Guarded c;
    {
      static Guarded a;
      static thread_local Guarded t;
    }
  }
  return &a;
}
inline int* local_int() {
  static int counter = 0;
  {
    static int counter = 1;
    ++counter;
  }
  return &counter;
}
int* call_local_int() { return local_int(); }
inline int* inline_guards() {
  static int a = *local_int();
  static int b = *local_int();
  for (;;) {
    static int c = *local_int();
    static thread_local int d = *local_int();
    if (c) return &d;
  }
  return &a;
}
int* call_inline_guards() { return inline_guards(); }
template <class T>
T* template_local(T) {
  static T value = T(*local_int());
  struct Local {
    T t;
    virtual void f(T) {}
  };
  static Local l;
  l.f(value);
  auto lambda = [](T t) {
    static T in_lambda = T(*local_int());
    return t + in_lambda;
  };
  lambda(value);
  return &value;
}
template int* template_local(int);
template float* template_local(float);
int many_scopes(int i) {
#define SCOPE                        \
  {                                  \
    struct L {                       \
      int f() {                      \
        static int x = *local_int(); \
        return x;                    \
      }                              \
    };                               \
    i += L().f();                    \
  }
  SCOPE SCOPE SCOPE SCOPE SCOPE SCOPE SCOPE SCOPE SCOPE SCOPE SCOPE SCOPE SCOPE SCOPE SCOPE SCOPE
      SCOPE SCOPE SCOPE SCOPE {
    {
      {
        SCOPE { SCOPE }
      }
    }
  }
  return i;
}
auto global_lambda = [](int x) { return x; };
int use_global_lambda() { return global_lambda(1); }
auto generic = [](auto x, auto* y) { return x; };
int use_generic() {
  int i;
  return generic(1, &i) + (int)generic(1.0f, "a");
}
template <class F>
int call(F f) {
  return f(1);
}
int lambdas(int a) {
  int b = 0;
  auto l1 = [&](int x) { return call([=](int y) { return x + y + a; }); };
  auto l2 = [b](int x) mutable noexcept { return ++b + x; };
  struct Inner {
    int operator()(int z) const {
      return call([z](int w) { return w * z; });
    }
  };
  return call(l1) + call(l2) + call(Inner()) + call([](int q) { return q; }) +
         call(+[](int q) { return q; });
}
struct InClass {
  int (*f)(int) = [](int x) { return x + 1; };
  Guarded g = [] { return Guarded(); }();
  int m(int d = [](int x) { return x; }(3)) {
    auto self = [this] { return f(1); };
    return self() + d;
  }
  template <class T>
  int t(T x) {
    return call([x](int y) { return y; });
  }
};
int use_in_class() { return InClass().m() + InClass().t(1L); }
inline int inline_lambda() {
  static int v = call([](int x) { return x; });
  return v;
}
int use_inline_lambda() { return inline_lambda(); }
enum { kAnonymous };
struct {
  int x;
} anonymous_struct;
union {
  int a;
  float b;
} anonymous_union;
template <class T>
void take(T) {}
void take_anonymous() {
  take(anonymous_struct);
  take(kAnonymous);
  take(anonymous_union);
  struct Local {};
  take(Local());
  take(static_cast<Local*>(nullptr));
  enum LocalEnum { e };
  take(e);
  auto l = [] {};
  take(l);
  take(&l);
}
typedef struct {
  int x;
} Typedefed;
void take_typedefed(Typedefed, Typedefed*) {}
struct Nested {
  struct {
    int y;
    struct {
      int z;
    } inner;
  } member;
  enum { kNested };
  union {
    int u;
  };
};
void take_nested() {
  Nested n;
  take(n.member);
  take(n.member.inner);
  take(Nested::kNested);
}
auto returns_local() {
  struct Returned {
    int f() { return 1; }
  };
  return Returned();
}
int use_returned() { return returns_local().f(); }
decltype(auto) returns_decltype(int& x) { return (x); }
extern "C" {
int c_function(int) {
  static int c_static = *local_int();
  struct CLocal {
    int f() {
      static int deep = *local_int();
      return deep;
    }
  };
  return c_static + CLocal().f() + call([](int x) {
           static int y = *local_int();
           return x + y;
         });
}
int c_variable;
namespace in_c {
int c_in_namespace(Nested*) { return 0; }
}  // namespace in_c
}
const char* literals[] = {"",
                          "a",
                          "hello, world",
                          "with \"quotes\" and \\ backslash",
                          "tab\tnewline\nreturn\r",
                          "\1\2\3\177",
                          "high \200\341\372\377",
                          "exactly thirty-one characters..",
                          "more than thirty-two characters, which are cut off at the end",
                          "a\0b\0c",
                          "\0\0\0",
                          "sym:,/\\:. -'$@?",
                          "abc\0\0\0\0d"};
const wchar_t* wide_literals[] = {L"",
                                  L"a",
                                  L"hello",
                                  L"more than thirty-two characters, which are cut off at the end",
                                  L"\x1234\xffff",
                                  L"tab\tquote\"",
                                  L"a\0b"};
const char16_t* u16[] = {u"", u"a", u"hello", u"\x1234",
                         u"more than thirty-two characters, which are cut off at the end"};
const char32_t* u32[] = {U"", U"a", U"hello", U"\x12345",
                         U"more than thirty-two characters, which are cut off at the end"};
const char8_t* u8[] = {u8"", u8"hello", u8"\u00e9\u4e2d"};
const char* file_function(int) { return __FUNCSIG__; }
struct WithFriend {
  friend void befriended(WithFriend*) {}
};
void use_friend(WithFriend* w) { befriended(w); }
namespace {
namespace {
int doubly_hidden() { return *local_int(); }
struct Anon {
  struct Anon2 {};
};
template <class T>
struct AnonT {
  void f(T) {}
};
}  // namespace
int (*keep)() = doubly_hidden;
}  // namespace
void use_anon() {
  AnonT<Anon>().f(Anon());
  AnonT<AnonT<Anon::Anon2>>().f({});
  take(Anon());
  take(Anon::Anon2());
  take(AnonT<Anon>());
}
int try_block(int i) {
  static int first = *local_int();
  if (i) {
    static int second = *local_int();
    return [&] {
      static int third = *local_int();
      return [&] {
        static int fourth = *local_int();
        return first + second + third + fourth;
      }();
    }();
  }
  return 0;
}
