// Non-type template arguments: numbers, addresses, members, references, floats, class types, auto,
// packs.
int variable;
extern const int constant;
const int constant = 1;
void function(int);
void function(int) {}
int array[4];
namespace n {
int in_namespace;
struct f;
void f(const char*, struct f*);
}  // namespace n
struct S {
  int a, b;
  int m;
  void f();
  void f(int) const;
  virtual void v();
  static int s;
  static void sf();
  int arr[3];
  S* next;
  void noex() noexcept;
};
void S::f() {}
void S::f(int) const {}
void S::v() {}
int S::s;
void S::sf() {}
void S::noex() noexcept {}
struct B1 {
  int x1;
  virtual void f1();
};
struct B2 {
  int x2;
  virtual void f2();
  void g2();
};
struct Multi : B1, B2 {
  int x3;
  void f3();
  virtual void f4();
  void f2() override;
};
struct V : virtual B1 {
  int x4;
  void f5();
  virtual void f6();
};
struct VV : virtual B1, virtual B2 {
  int x5;
  void f7();
};
struct __single_inheritance Unspecified;
struct Later;
void B1::f1() {}
void B2::f2() {}
void B2::g2() {}
void Multi::f3() {}
void Multi::f4() {}
void Multi::f2() {}
void V::f5() {}
void V::f6() {}
void VV::f7() {}
enum E { e0, e5 = 5, eneg = -7 };
enum class SE : unsigned char { a = 200 };
template <int I>
void of_int() {}
template <unsigned long long I>
void of_u64() {}
template <long long I>
void of_i64() {}
template <bool I>
void of_bool() {}
template <char I>
void of_char() {}
template <wchar_t C>
void of_wchar() {}
template <E I>
void of_enum() {}
template <SE I>
void of_scoped() {}
template <int* P>
void of_pointer() {}
template <int& R>
void of_reference() {}
template <const int& R>
void of_const_reference() {}
template <const int* R>
void of_const_pointer() {}
template <void (*F)(int)>
void of_function() {}
template <void (&F)(int)>
void of_function_reference() {}
template <int (&A)[4]>
void of_array() {}
template <decltype(nullptr) N>
void of_null() {}
template <char8_t C>
void of_char8() {}
template <int S::* M>
void of_member() {}
template <void (S::*F)()>
void of_method() {}
template <void (S::*F)(int) const>
void of_const_method() {}
template <void (S::*F)() noexcept>
void of_noexcept_method() {}
template <int B1::* M>
void of_b1() {}
template <int Multi::* M>
void of_multi_member() {}
template <void (Multi::*F)()>
void of_multi_method() {}
template <int V::* M>
void of_virtual_member() {}
template <void (V::*F)()>
void of_virtual_method() {}
template <int VV::* M>
void of_vv_member() {}
template <void (VV::*F)()>
void of_vv_method() {}
template <int Later::* M>
void of_later() {}
template <void (Later::*F)()>
void of_later_method() {}
template <auto A>
void of_auto() {}
template <auto... A>
void of_autos() {}
template <decltype(auto) A>
void of_decltype_auto() {}
template <int... I>
void of_ints() {}
template <class... T, int... I>
void of_mixed(T...) {}
template <class T, T V>
struct Constant {
  static T value() { return V; }
};
template <class T, T... V>
struct Sequence {
  void f(Sequence) {}
};
template <class... T>
struct Tuple {
  template <class... U>
  void f(Tuple<U...>*) {}
};
template <template <class...> class C, class... T>
void of_template(C<T...>) {}
template <template <auto...> class C>
void of_auto_template() {}
template <auto... A>
struct Autos {};
template <class... A, class... B>
void two_packs(Tuple<A...>, Tuple<B...>) {}
template void of_int<0>();
template void of_int<1>();
template void of_int<10>();
template void of_int<11>();
template void of_int<255>();
template void of_int<-1>();
template void of_int<-2147483647 - 1>();
template void of_int<2147483647>();
template void of_u64<18446744073709551615ull>();
template void of_u64<9223372036854775808ull>();
template void of_i64<-9223372036854775807ll - 1>();
template void of_i64<9223372036854775807ll>();
template void of_bool<true>();
template void of_bool<false>();
template void of_char<'a'>();
template void of_char<'\0'>();
template void of_char<-1>();
template void of_wchar<L'x'>();
template void of_enum<e0>();
template void of_enum<e5>();
template void of_enum<eneg>();
template void of_scoped<SE::a>();
template void of_char8<u8'a'>();
template void of_pointer<&variable>();
template void of_pointer<nullptr>();
template void of_pointer<&S::s>();
template void of_pointer<&n::in_namespace>();
template void of_reference<variable>();
template void of_reference<S::s>();
template void of_const_reference<constant>();
template void of_const_pointer<&constant>();
template void of_function<function>();
template void of_function<nullptr>();
template void of_function_reference<function>();
template void of_array<array>();
template void of_null<nullptr>();
template void of_member<&S::m>();
template void of_member<&S::b>();
template void of_member<nullptr>();
template void of_method<&S::f>();
template void of_method<&S::v>();
template void of_method<nullptr>();
template void of_const_method<&S::f>();
template void of_noexcept_method<&S::noex>();
template void of_b1<&B1::x1>();
template void of_multi_member<&Multi::x3>();
template void of_multi_member<nullptr>();
template void of_multi_method<&Multi::f3>();
template void of_multi_method<&Multi::f4>();
template void of_multi_method<&Multi::f2>();
template void of_multi_method<nullptr>();
template void of_virtual_member<&V::x4>();
template void of_virtual_member<nullptr>();
template void of_virtual_method<&V::f5>();
template void of_virtual_method<&V::f6>();
template void of_virtual_method<nullptr>();
template void of_vv_member<&VV::x5>();
template void of_vv_member<nullptr>();
template void of_vv_method<&VV::f7>();
template void of_vv_method<nullptr>();
template void of_later<nullptr>();
template void of_later_method<nullptr>();
template void of_auto<1>();
template void of_auto<-1>();
template void of_auto<true>();
template void of_auto<'c'>();
template void of_auto<1ull>();
template void of_auto<&variable>();
template void of_auto<&function>();
template void of_auto<&S::m>();
template void of_auto<nullptr>();
template void of_auto<e5>();
template void of_auto<&S::s>();
template void of_autos<>();
template void of_autos<1, 'a', true, -5>();
template void of_autos<&variable, &variable, &constant>();
template void of_decltype_auto<(variable)>();
template void of_decltype_auto<3>();
template void of_auto<&S::v>();
template void of_auto<&Multi::f3>();
template void of_auto<&V::f5>();
template void of_auto<static_cast<void (S::*)()>(&S::f)>();
template void of_auto<&Multi::x3>();
template void of_auto<&V::x4>();
template void of_ints<>();
template void of_ints<1>();
template void of_ints<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12>();
void use_mixed() {
  of_mixed(1, 2.0);
  of_mixed();
}
template struct Constant<int, 5>;
template struct Constant<bool, true>;
template struct Constant<int*, &variable>;
template struct Constant<void (*)(int), function>;
template struct Constant<E, e5>;
template struct Sequence<int>;
template struct Sequence<int, 1, 2, 3>;
template struct Sequence<char, 'a', 'b'>;
template void Tuple<int, char>::f(Tuple<float, double>*);
template void Tuple<>::f(Tuple<>*);
template void Tuple<Tuple<>, Tuple<Tuple<>>>::f(Tuple<Tuple<>, Tuple<int>>*);
template void of_template(Tuple<int, Tuple<int>>);
template void of_auto_template<Autos>();
template void two_packs(Tuple<int, char>, Tuple<>);
template void two_packs(Tuple<>, Tuple<int>);
template void two_packs(Tuple<>, Tuple<>);
struct Structural {
  int a;
  bool b;
  char c[3];
  const int* p;
  struct {
    int x;
    double y;
  } in;
};
template <Structural V>
void of_structural() {}
template <double D>
void of_double() {}
template <float F>
void of_float() {}
struct Point {
  int x, y;
};
template <Point P>
struct At {
  void f() {}
};
union U {
  int i;
  float f;
};
template <U u>
void of_union() {}
#if defined(WITH_STRUCTURAL)
template void of_structural<Structural{1, true, {'a', 'b', 0}, &constant, {3, 4.5}}>();
template struct At<Point{1, -2}>;
template void of_double<1.5>();
template void of_double<-0.0>();
template void of_float<3.25f>();
template void of_auto<Point{3, 4}>();
template void of_auto<2.5>();
#endif
template <class T, T* P>
struct Keeps {
  template <T* Q>
  void f() {}
};
template struct Keeps<int, &variable>;
template void Keeps<int, &variable>::f<&n::in_namespace>();
template <class T>
struct Alias {
  template <class U>
  using type = U*;
};
template <template <class> class A>
struct TakesAlias {
  void f() {}
};
template struct TakesAlias<Alias<int>::type>;
template <class T>
using Pointer = T*;
template struct TakesAlias<Pointer>;
template <class F, F f>
void call_it() {}
template void call_it<void (S::*)(), &S::f>();
template void call_it<int S::*, &S::m>();
template <int N>
struct Fixed {
  template <int M>
  Fixed<N + M> operator+(Fixed<M>) {
    return {};
  }
};
template Fixed<3> Fixed<1>::operator+(Fixed<2>);
template <class T>
void lambda_argument() {}
template <auto F = [] { return 1; }>
void default_lambda() {}
void use_default_lambda() {
  default_lambda();
  default_lambda<[](int) {}>();
  lambda_argument<decltype([] {})>();
}
template <class T>
concept Small = sizeof(T) <= 4;
template <class T>
  requires Small<T>
void constrained(T) {}
template void constrained(int);
void abbreviated(Small auto x, auto... rest) {}
void use_abbreviated() { abbreviated(1, 2.0, "3"); }
template <class T>
struct Ordered {
  T t;
  auto operator<=>(const Ordered&) const = default;
  bool operator==(const Ordered&) const = default;
};
