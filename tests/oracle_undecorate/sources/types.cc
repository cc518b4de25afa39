// Every kind of type in template arguments, parameters, results and variables.
struct Empty {};
class Klass {
 public:
  int field;
  void method();
  virtual void virtual_method() const volatile;
};
union Union {
  int i;
  float f;
};
enum Enum { kOne };
enum class Scoped : unsigned char { a };
enum class Wide : long long { a };
struct Forward;
namespace outer {
namespace inner {
struct Deep {
  struct Deeper {
    enum E { e };
  };
};
}  // namespace inner
inline namespace v1 {
struct Inlined {};
}  // namespace v1
}  // namespace outer

template <class T>
void of(T) {}
template <class T>
void type_only() {}
template <class... T>
void pack(T...) {}
template <class T>
struct Holder {
  static int value;
  T member;
  void f(T);
};
template <class T>
int Holder<T>::value = 0;
template <class T>
void Holder<T>::f(T) {}
template <class T, class U>
struct Pair {};
template <template <class> class C>
struct TakesTemplate {
  void f() {}
};

#define EACH(X)                                                                                  \
  X(bool)                                                                                        \
  X(char)                                                                                        \
  X(signed char)                                                                                 \
  X(unsigned char) X(short) X(unsigned short) X(int) X(unsigned) X(long) X(unsigned long)        \
      X(long long) X(unsigned long long) X(float) X(double) X(long double) X(wchar_t) X(char8_t) \
          X(char16_t) X(char32_t) X(decltype(nullptr)) X(Empty) X(Klass) X(Union) X(Enum)        \
              X(Scoped) X(Wide) X(outer::inner::Deep::Deeper) X(outer::inner::Deep::Deeper::E)   \
                  X(outer::Inlined)
#define INSTANTIATE(T)                                               \
  template void of(T);                                               \
  template void of(T*);                                              \
  template void of(const T*);                                        \
  template void of(volatile T*);                                     \
  template void of(T* const*);                                       \
  template void of(const volatile T* const volatile*);               \
  template void of(T* __restrict);                                   \
  template void of(T __unaligned*);                                  \
  template void of(T&&);                                             \
  template void of(const T&);                                        \
  template void of(volatile T&&);                                    \
  template void of(T(*)[3]);                                         \
  template void of(const T(&)[3][4]);                                \
  template void of(T(&&)[]);                                         \
  template void of(T (*)());                                         \
  template void of(T (*)(T, T*, const T&, T&&, ...));                \
  template void of(T (&)(T) noexcept);                               \
  template void of(T Klass::*);                                      \
  template void of(const T Klass::*);                                \
  template void of(volatile T Klass::*);                             \
  template void of(T (Klass::*)());                                  \
  template void of(T (Klass::*)(T) const);                           \
  template void of(T (Klass::*)(T&) volatile&);                      \
  template void of(T (Klass::*)(T*) const volatile&&);               \
  template void of(T (Klass::*)(T**, ...) noexcept);                 \
  template void of(T (*(*)(T))(T));                                  \
  template void of(T (*(&)[2])(T));                                  \
  template void of(T* (Klass::* const)(T*));                         \
  template void type_only<T>();                                      \
  template void type_only<const T>();                                \
  template void type_only<volatile T>();                             \
  template void type_only<T[]>();                                    \
  template void type_only<const T[5]>();                             \
  template void type_only<T[2][3][4]>();                             \
  template void type_only<T()>();                                    \
  template void type_only<T(T, T)>();                                \
  template void type_only<void(T*, T*, ...)>();                      \
  template void type_only<T() noexcept>();                           \
  template void type_only<T(T) const>();                             \
  template void type_only<T(T&)&>();                                 \
  template void type_only<T(T&) const volatile&&>();                 \
  template void type_only<T* (*)(T&)>();                             \
  template void type_only<Holder<T>>();                              \
  template void type_only<Holder<T*>*>();                            \
  template void type_only<Holder<T()>>();                            \
  template void type_only<Pair<Holder<T>, Holder<Holder<T>>>>();     \
  template void type_only<Pair<T*, Pair<T*, T*>>>();                 \
  template void type_only<T (Holder<T>::*)(Holder<T>, Holder<T>)>(); \
  template void type_only<T Holder<T>::*>();                         \
  template int Holder<T>::value;                                     \
  template void Holder<T>::f(T);                                     \
  template struct Holder<T*>;                                        \
  template struct Holder<T&>;                                        \
  template void pack(T, T, T*, T*, T*);                              \
  template void pack<T>(T);                                          \
  template void pack(Holder<T>, Holder<T>, Holder<T*>);
EACH(INSTANTIATE)
template void pack<>();
template struct TakesTemplate<Holder>;
template void type_only<TakesTemplate<Holder>>();
template void type_only<void>();
template void type_only<const void*>();
template void type_only<void(void*)>();
template void of(Forward*);

int global;
const int constant = 1;
extern const int* const pointer_constant;
const int* const pointer_constant = &constant;
volatile int* volatile global_pointer;
int Klass::* data_member = &Klass::field;
void (Klass::*function_member)() = &Klass::method;
int array[3][4];
const char* const names[] = {"a"};
const char* const* use = names;
extern int (*function_pointer)(int, const int&);
int (*function_pointer)(int, const int&);
int (*function_array[4])(int);
int (&reference)[3][4] = array;
Empty&& moved = Empty();
Holder<int>* holder_pointer;
Holder<const int*> const_holder;
int (*returns_function_pointer(int))(float) { return nullptr; }
int (&returns_array())[3][4] { return array; }
int Klass::* returns_member() { return nullptr; }
void (Klass::* returns_member_function(int))() { return nullptr; }
const Klass returns_const() { return {}; }
const volatile int* returns_pointer() { return nullptr; }
void many(Klass*, Klass*, Union*, Klass&, Union*, Enum, Enum, Scoped, Scoped, const Klass*,
          const Klass*, Empty, Empty, Wide, Wide, Klass**, Klass**, int*, int*, char*, char*, long*,
          long*) {}
void variadic(const char*, ...) {}
void no_throw() noexcept {}
void Klass::method() {}
void Klass::virtual_method() const volatile {}
Klass takes(Klass a, const Klass b, Klass (*f)(Klass), Klass (Klass::*g)(Klass, Klass), Klass c[],
            Klass d[3][4]) {
  return a;
}
namespace n1 {
namespace n2 {
namespace n3 {
struct A {};
void f(A, n1::n2::n3::A*, A*) {}
template <class T>
struct B {
  struct C {
    void f(B, C, C*) {}
  };
};
template struct B<A>;
template struct B<B<A>>;
}  // namespace n3
}  // namespace n2
}  // namespace n1
#if !defined(_M_IX86)
void __vectorcall vector_call(int) {}
template void of(int(__vectorcall*)(int));
#else
void __stdcall standard_call(int) {}
void __fastcall fast_call(int) {}
void __vectorcall vector_call(int) {}
struct Conventions {
  void __cdecl a();
  void __stdcall b();
  void __fastcall c();
  void __thiscall d();
  void __vectorcall e();
};
void __cdecl Conventions::a() {}
void __stdcall Conventions::b() {}
void __fastcall Conventions::c() {}
void __thiscall Conventions::d() {}
void __vectorcall Conventions::e() {}
template void of(int(__stdcall*)(int));
template void of(int(__fastcall*)(int));
template void of(int(__vectorcall*)(int));
template void of(int (__stdcall Klass::*)(int));
template void of(int (__cdecl Klass::*)(int));
#endif
typedef int vector4 __attribute__((vector_size(16)));
typedef float vector8 __attribute__((vector_size(32)));
void takes_vector(vector4, vector8) {}
template void of(vector4);
void takes_complex(_Complex float, _Complex double) {}
#if !defined(_M_IX86)
void takes_int128(__int128, unsigned __int128) {}
void takes_half(_Float16) {}
#endif
